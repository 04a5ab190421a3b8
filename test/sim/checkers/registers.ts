import type { CallRecord } from '../history.js';
import type { Run } from './index.js';
import { isRefusal } from './operations.js';
import { ErrorCode } from '../../../lib/core/errors.js';
import { REGISTERS } from '../workload.js';

/** A register: its value, and how often it was written. */
interface Register {
  readonly value: string;
  readonly version: number;
}

export interface RegisterOperation {
  readonly begin: number;
  /** Infinity when nobody knows whether it happened. */
  readonly end: number;
  readonly text: string;
  /** The register afterwards; undefined when the operation cannot have had its answer then. */
  readonly step: (register: Register) => Register | undefined;
  /** Need not have happened at all. */
  readonly optional: boolean;
}

const FIRST: Register = { value: 'founded', version: 0 };
/** Configurations that the search looks at before it gives up. */
const CONFIGURATIONS_MAX = 200_000;

/**
 * Linearizability of each register, from values and real time alone: there is an order of all operations, each between its beginning and
 * its end, in which every answer is right. The search is Wing and Gong's with Lowe's memory of configurations. Zxids play no part in it.
 */
export function checkRegisters({ history }: Run): readonly string[] {
  const faults: string[] = [];
  for (const path of REGISTERS) {
    const operations = history.calls.flatMap((call) => operationOf(call, path) ?? []);
    const verdict = isLinearizable(operations, FIRST);
    if (verdict !== 'yes') faults.push(`${path}: ${verdict}`);
  }
  return faults;
}

function operationOf(call: CallRecord, path: string): RegisterOperation | undefined {
  const { operation, outcome, invoked, returned } = call;
  if (!('path' in operation) || operation.path !== path) return undefined;
  const begin = invoked.sequence;
  const end = returned?.sequence ?? Infinity;
  const text = `${call.session.client} #${call.number}`;
  if (operation.kind === 'getData') {
    if (operation.consistency !== 'linearizable' || outcome?.kind !== 'answer') return undefined;
    const { result } = outcome;
    if (result.kind !== 'getData') return undefined;
    const value = Buffer.from(result.data).toString('latin1');
    const { version } = result.stat;
    const step = (register: Register) =>
      register.value === value && register.version === version ? register : undefined;
    return {
      begin,
      end,
      text: `${text} reads ${value.slice(0, 12)} version ${version}`,
      step,
      optional: false,
    };
  }
  if (operation.kind !== 'setData') return undefined;
  const value = Buffer.from(operation.data).toString('latin1');
  const write = (register: Register) => ({ value, version: register.version + 1 });
  const fits = (register: Register) => operation.version === -1 || operation.version === register.version;
  const what = `${text} writes ${value.slice(0, 12)} over ${operation.version}`;
  if (outcome?.kind === 'answer') {
    const step = (register: Register) => (fits(register) ? write(register) : undefined);
    return { begin, end, text: what, step, optional: false };
  }
  if (outcome?.kind === 'error' && isRefusal(outcome.code)) {
    const isVersion = outcome.code === ErrorCode.BadVersion;
    const step = (register: Register) => (isVersion && !fits(register) ? register : undefined);
    return { begin, end, text: `${what}, refused`, step, optional: false };
  }
  if (outcome !== undefined && !outcome.maybeApplied) return undefined;
  const step = (register: Register) => (fits(register) ? write(register) : register);
  return { begin, end: Infinity, text: `${what}, unknown`, step, optional: true };
}

/** `yes`, or what is wrong. Operations in any order. */
export function isLinearizable(operations: readonly RegisterOperation[], first: Register): string {
  const sorted = [...operations].sort((a, b) => a.begin - b.begin);
  const seen = new Set<string>();
  const stack: { readonly done: bigint; readonly register: Register }[] = [{ done: 0n, register: first }];
  let furthest = 0;
  for (;;) {
    const configuration = stack.pop();
    if (configuration === undefined)
      return `not linearizable: at most ${furthest} of ${sorted.length} operations fit`;
    const { done, register } = configuration;
    const key = `${done.toString(36)} ${register.value} ${register.version}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > CONFIGURATIONS_MAX) return 'undecided: too many configurations';
    const left = sorted.flatMap((operation, index) =>
      (done >> BigInt(index)) & 1n ? [] : [{ operation, index }],
    );
    furthest = Math.max(furthest, sorted.length - left.length);
    if (left.every(({ operation }) => operation.optional)) return 'yes';
    const earliestEnd = Math.min(...left.map(({ operation }) => operation.end));
    for (const { operation, index } of left.reverse()) {
      if (operation.begin > earliestEnd) continue;
      const next = operation.step(register);
      if (next !== undefined) stack.push({ done: done | (1n << BigInt(index)), register: next });
    }
  }
}
