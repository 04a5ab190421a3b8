import type { CallRecord } from '../history.js';
import { PAIRS, SET } from '../workload.js';
import type { Run } from './index.js';
import { fateOf } from './operations.js';

interface Add {
  readonly name: string;
  readonly call: CallRecord;
}

/**
 * A set to which names are only added: every read that began after an addition was acknowledged has it, no read has what was not
 * asked for before it ended or certainly did not happen, and none has a name twice. Zxids play no part.
 */
export function checkSets({ history }: Run): readonly string[] {
  const adds = history.calls.flatMap((call) => addsOf(call, SET));
  return history.calls.flatMap((call) => {
    const names = listing(call, SET);
    return names === undefined ? [] : checkListing({ names, call, adds });
  });
}

/** A multi adds two names or none: no read shows one without the other, and refused ones are never seen. */
export function checkPairs({ history }: Run): readonly string[] {
  const adds = history.calls.flatMap((call) => addsOf(call, PAIRS));
  return history.calls.flatMap((call) => {
    const names = listing(call, PAIRS);
    if (names === undefined) return [];
    const known = new Set(names);
    const halves = names.filter((name) => !known.has(otherHalf(name)));
    return [
      ...halves.map((name) => `${who(call)} sees ${name} without ${otherHalf(name)}`),
      ...checkListing({ names, call, adds }),
    ];
  });
}

function checkListing({
  names,
  call,
  adds,
}: {
  names: readonly string[];
  call: CallRecord;
  adds: readonly Add[];
}): string[] {
  const faults: string[] = [];
  const known = new Set(names);
  const end = call.returned?.sequence ?? Infinity;
  if (known.size < names.length) faults.push(`${who(call)} sees a name twice`);
  const possible = new Set<string>();
  for (const add of adds) {
    const fate = fateOf(add.call);
    if (fate !== 'not done' && add.call.invoked.sequence < end) possible.add(add.name);
    const wasThere = fate === 'done' && (add.call.returned?.sequence ?? Infinity) < call.invoked.sequence;
    if (wasThere && !known.has(add.name))
      faults.push(`${who(call)} does not see ${add.name} of ${who(add.call)}`);
  }
  for (const name of known)
    if (!possible.has(name)) faults.push(`${who(call)} sees ${name}, which nobody can have added`);
  return faults;
}

function listing({ operation, outcome }: CallRecord, path: string): readonly string[] | undefined {
  if (operation.kind !== 'getChildren' || operation.path !== path || operation.consistency !== 'linearizable')
    return undefined;
  return outcome?.kind === 'answer' && outcome.result.kind === 'getChildren'
    ? outcome.result.children
    : undefined;
}

function addsOf(call: CallRecord, path: string): Add[] {
  const { operation } = call;
  const operations = operation.kind === 'multi' ? operation.operations : [operation];
  return operations.flatMap((one) => {
    if (one.kind !== 'create' || !one.path.startsWith(`${path}/`)) return [];
    return [{ name: one.path.slice(path.length + 1), call }];
  });
}

function otherHalf(name: string): string {
  return (name.startsWith('x') ? 'y' : 'x') + name.slice(1);
}

function who({ session, number }: CallRecord): string {
  return `${session.client} #${number}`;
}
