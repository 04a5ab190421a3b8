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
  /** Only of optional ones: nobody has ever read what it writes, and it asks for no version, so one is as good as another. */
  readonly unseen?: boolean;
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
    const read = valuesRead(history.calls, path);
    const operations = history.calls.flatMap((call) => operationOf(call, { path, read }) ?? []);
    const verdict = isLinearizable(operations, FIRST);
    if (verdict !== 'yes') faults.push(`${path}: ${verdict}`);
  }
  return faults;
}

function valuesRead(calls: readonly CallRecord[], path: string): ReadonlySet<string> {
  return new Set(
    calls.flatMap(({ operation, outcome }) => {
      if (operation.kind !== 'getData' || operation.path !== path || outcome?.kind !== 'answer') return [];
      return outcome.result.kind === 'getData' ? [textOf(outcome.result.data)] : [];
    }),
  );
}

const textOf = (data: Uint8Array) => Buffer.from(data).toString('latin1');

function operationOf(
  call: CallRecord,
  { path, read }: { readonly path: string; readonly read: ReadonlySet<string> },
): RegisterOperation | undefined {
  const { operation, outcome, invoked, returned } = call;
  if (!('path' in operation) || operation.path !== path) return undefined;
  const begin = invoked.sequence;
  const end = returned?.sequence ?? Infinity;
  const text = `${call.session.client} #${call.number}`;
  if (operation.kind === 'getData') {
    if (operation.consistency !== 'linearizable' || outcome?.kind !== 'answer') return undefined;
    const { result } = outcome;
    if (result.kind !== 'getData') return undefined;
    const value = textOf(result.data);
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
  const value = textOf(operation.data);
  const write = (register: Register) => ({ value, version: register.version + 1 });
  const fits = (register: Register) => operation.version === -1 || operation.version === register.version;
  const what = `${text} writes ${value.slice(0, 12)} over ${operation.version}`;
  if (outcome?.kind === 'answer') {
    const { result } = outcome;
    const version = result.kind === 'setData' ? result.stat.version : NaN;
    const step = (register: Register) =>
      fits(register) && register.version + 1 === version ? write(register) : undefined;
    return { begin, end, text: what, step, optional: false };
  }
  if (outcome?.kind === 'error' && isRefusal(outcome.code)) {
    const isVersion = outcome.code === ErrorCode.BadVersion;
    const step = (register: Register) => (isVersion && !fits(register) ? register : undefined);
    return { begin, end, text: `${what}, refused`, step, optional: false };
  }
  if (outcome !== undefined && !outcome.maybeApplied) return undefined;
  const step = (register: Register) => (fits(register) ? write(register) : register);
  const unseen = operation.version === -1 && !read.has(value);
  return { begin, end: Infinity, text: `${what}, unknown`, step, optional: true, unseen };
}

/** Where the search has come to. Of those that must have happened it is a prefix, in order of their beginnings, and some beyond. */
interface Configuration {
  readonly prefix: number;
  /** Bits, from the one at `prefix` on. */
  readonly beyond: bigint;
  readonly optional: bigint;
  readonly register: Register;
}

/** `yes`, or what is wrong. Operations in any order. */
export function isLinearizable(operations: readonly RegisterOperation[], first: Register): string {
  const sorted = [...operations].sort((a, b) => a.begin - b.begin);
  const certain = sorted.filter(({ optional }) => !optional);
  const optional = sorted.filter((operation) => operation.optional);
  const seen = new Set<string>();
  const stack: Configuration[] = [{ prefix: 0, beyond: 0n, optional: 0n, register: first }];
  let furthest = 0;
  for (;;) {
    const configuration = stack.pop();
    if (configuration === undefined)
      return `not linearizable: at most ${furthest} of ${certain.length} operations fit`;
    if (configuration.prefix === certain.length) return 'yes';
    const key = keyOf(configuration);
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > CONFIGURATIONS_MAX) return 'undecided: too many configurations';
    furthest = Math.max(furthest, configuration.prefix);
    const earliest = earliestEndOf(configuration, certain);
    stack.push(...optionalSteps(configuration, { optional, earliest }));
    stack.push(...certainSteps(configuration, { certain, earliest }));
  }
}

const keyOf = ({ prefix, beyond, optional, register }: Configuration) =>
  `${prefix} ${beyond.toString(36)} ${optional.toString(36)} ${register.value} ${register.version}`;

/** Whatever began before the first of those that are left ended may come next. */
function earliestEndOf({ prefix, beyond }: Configuration, certain: readonly RegisterOperation[]): number {
  let earliest = Infinity;
  for (let index = prefix; index < certain.length; index++) {
    const { begin, end } = certain[index]!;
    if (begin > earliest) break;
    if (!isSet(beyond, index - prefix)) earliest = Math.min(earliest, end);
  }
  return earliest;
}

function certainSteps(
  from: Configuration,
  { certain, earliest }: { readonly certain: readonly RegisterOperation[]; readonly earliest: number },
): Configuration[] {
  const steps: Configuration[] = [];
  for (let index = from.prefix; index < certain.length && certain[index]!.begin <= earliest; index++) {
    if (isSet(from.beyond, index - from.prefix)) continue;
    const register = certain[index]!.step(from.register);
    if (register === undefined) continue;
    let beyond = from.beyond | (1n << BigInt(index - from.prefix));
    let { prefix } = from;
    for (; (beyond & 1n) === 1n; beyond >>= 1n) prefix++;
    steps.push({ ...from, prefix, beyond, register });
  }
  // The one that began first is looked at first.
  return steps.reverse();
}

/** Those that change something; of all whose value nobody has read only the first that is left, as any other would do as well. */
function optionalSteps(
  from: Configuration,
  { optional, earliest }: { readonly optional: readonly RegisterOperation[]; readonly earliest: number },
): Configuration[] {
  const steps: Configuration[] = [];
  let hasUnseen = false;
  for (let index = 0; index < optional.length && optional[index]!.begin <= earliest; index++) {
    const operation = optional[index]!;
    if (isSet(from.optional, index) || (operation.unseen === true && hasUnseen)) continue;
    hasUnseen ||= operation.unseen === true;
    const register = operation.step(from.register);
    if (register === undefined || register === from.register) continue;
    steps.push({ ...from, optional: from.optional | (1n << BigInt(index)), register });
  }
  return steps;
}

function isSet(bits: bigint, index: number): boolean {
  return ((bits >> BigInt(index)) & 1n) === 1n;
}
