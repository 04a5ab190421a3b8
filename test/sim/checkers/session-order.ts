import { textOf, type CallRecord } from '../history.js';
import type { Run } from './index.js';
import { isWrite } from './operations.js';

/**
 * Sequential consistency of every session: its operations take effect in the order in which it made them. Reads show its own earlier
 * writes, never a later one of its own, and never an older state than one that it has seen. What `changes` tells is a place in the log and no
 * state; it has a checker of its own.
 */
export function checkSessionOrder({ history }: Run): readonly string[] {
  const faults: string[] = [];
  for (const session of history.sessions) {
    const calls = history.calls.filter(
      (call) =>
        call.session === session && call.outcome?.kind === 'answer' && call.operation.kind !== 'changes',
    );
    calls.reduce<CallRecord | undefined>((before, call) => {
      if (before !== undefined && !mayFollow(before, call)) {
        faults.push(`${session.client}: ${text(call)} goes behind ${text(before)}`);
      }
      return before !== undefined && zxidOf(before) > zxidOf(call) ? before : call;
    }, undefined);
  }
  return faults;
}

function mayFollow(before: CallRecord, call: CallRecord): boolean {
  return isWrite(call.operation) ? zxidOf(call) > zxidOf(before) : zxidOf(call) >= zxidOf(before);
}

function zxidOf({ outcome }: CallRecord): number {
  return outcome?.kind === 'answer' ? outcome.zxid : 0;
}

function text(call: CallRecord): string {
  return `#${call.number} ${textOf(call.operation)} at ${zxidOf(call)}`;
}
