import type { Model, Step } from './explorer.js';

/**
 * The append (I1–I4): keepers that commit batches by conditional puts into the slot after their head, over a network that holds requests up, loses
 * replies, and delivers what a sender has long given up. docs/MODEL.md says which action is which code.
 *
 * The tree is a set of names: `create` is refused when the name is there, `delete` when it is not; `enqueue`, which stands for every write
 * that can be done twice, is never refused.
 */
export interface Operation {
  readonly kind: 'create' | 'delete' | 'enqueue';
  readonly name: string;
}

export interface Entry {
  /** Random in the code; here keeper, batch and attempt. */
  readonly id: string;
  readonly first: number;
  readonly operations: readonly Operation[];
}

interface Put {
  readonly keeper: number;
  readonly entry: Entry;
  /** Somebody waits for this copy's answer. */
  awaited: boolean;
}

interface Keeper {
  head: number;
  /** Which batch of its program it is at. */
  batch: number;
  /** The log's end when that batch arrived. */
  arrivedAt: number;
  attempts: number;
  /** What its put will be about, until the put's answer is known. */
  waiting: Entry | null;
  /** The batch of `waiting` has been answered: its entry came in with the tail. */
  settled: boolean;
  answer: { readonly existing: Entry | null } | null;
  /** A read of the tail: whether it began after the batch had arrived, and what the store showed. */
  tail: { readonly fresh: boolean; readonly end: number | null } | null;
}

export interface AppendState {
  /** Every entry that was ever put into a slot, in the order of slots. */
  log: Entry[];
  /** First zxids of entries that the store no longer has: only a mutation deletes any. */
  deleted: number[];
  network: Put[];
  keepers: Keeper[];
  /** Answers that may still be lost, or outlasted by their caller's patience. */
  faults: number;
  /** The entries whose writes have been acknowledged. */
  acknowledged: string[];
  /** Answers that were wrong when they were given. */
  wrong: string[];
}

export interface AppendOptions {
  /** The batches of each keeper. */
  readonly programs: readonly (readonly (readonly Operation[])[])[];
  readonly faults: number;
  /** A way to break it on purpose: the checker has to find each. */
  readonly mutation?:
    | 'put without a condition'
    | 'next slot after a timeout'
    | 'no writer id'
    | 'refuse from a stale view'
    | 'delete old entries'
    | 'take an entry for one zxid';
}

const lastOf = (entry: Entry) => entry.first + entry.operations.length - 1;

/** The names that are there after the entries up to `zxid`. */
function namesAt(log: readonly Entry[], zxid: number): Set<string> {
  const names = new Set<string>();
  for (const { first, operations } of log) {
    operations.forEach(({ kind, name }, index) => {
      if (first + index > zxid) return;
      if (kind === 'create') names.add(name);
      if (kind === 'delete') names.delete(name);
    });
  }
  return names;
}

const isRefused = ({ kind, name }: Operation, names: ReadonlySet<string>) =>
  kind !== 'enqueue' && names.has(name) === (kind === 'create');

const endOf = (log: readonly Entry[]) => log.reduce((end, entry) => Math.max(end, lastOf(entry)), 0);

/** Prepares a batch on the state at the head: what is accepted becomes the entry. */
function prepare(batch: readonly Operation[], names: Set<string>) {
  const accepted: Operation[] = [];
  const refused: Operation[] = [];
  for (const operation of batch) {
    if (isRefused(operation, names)) {
      refused.push(operation);
      continue;
    }
    accepted.push(operation);
    if (operation.kind === 'create') names.add(operation.name);
    if (operation.kind === 'delete') names.delete(operation.name);
  }
  return { accepted, refused };
}

export function appendModel(options: AppendOptions): Model<AppendState> {
  const { programs, mutation } = options;
  const initial: AppendState = {
    ...{ log: [], deleted: [], network: [], faults: options.faults, acknowledged: [], wrong: [] },
    keepers: programs.map(() => ({
      ...{ head: 0, batch: 0, arrivedAt: 0, attempts: 0 },
      ...{ waiting: null, settled: false, answer: null, tail: null },
    })),
  };
  const batchOf = (index: number, keeper: Keeper) => programs[index]?.[keeper.batch];

  /** Tells the callers of a batch whose entry stands in the log, and takes the next one. */
  function settle(state: AppendState, index: number, entry: Entry): void {
    const keeper = state.keepers[index]!;
    state.acknowledged = [...state.acknowledged, entry.id].sort();
    const batch = batchOf(index, keeper)!;
    const { refused } = prepare(batch, namesAt(state.log, entry.first - 1));
    // A refusal rides on the slot: it is told as of the state on which the batch was prepared.
    for (const operation of refused) judgeRefusal(state, keeper, { operation, zxid: entry.first - 1 });
    nextBatch(state, keeper);
  }

  function nextBatch(state: AppendState, keeper: Keeper): void {
    keeper.batch++;
    keeper.arrivedAt = endOf(state.log);
    keeper.attempts = 0;
    if (keeper.tail !== null) keeper.tail = { ...keeper.tail, fresh: false };
  }

  /** Applies the entries from the head up to `end`, as a page of the tail or a slot's winner brings them. */
  function advance(state: AppendState, index: number, end: number): void {
    const keeper = state.keepers[index]!;
    for (const entry of state.log) {
      if (entry.first !== keeper.head + 1 || lastOf(entry) > end) continue;
      keeper.head = mutation === 'take an entry for one zxid' ? entry.first : lastOf(entry);
      if (keeper.waiting?.id === entry.id && !keeper.settled && mutation !== 'no writer id') {
        keeper.settled = true;
        settle(state, index, entry);
      }
    }
  }

  function send(state: AppendState, index: number, entry: Entry): void {
    const keeper = state.keepers[index]!;
    keeper.waiting = entry;
    keeper.settled = false;
    keeper.answer = null;
    state.network.push({ keeper: index, entry, awaited: true });
  }

  function keeperSteps(state: AppendState, index: number): Step<AppendState>[] {
    const keeper = state.keepers[index]!;
    const steps: Step<AppendState>[] = [];
    const step = (name: string, change: (next: AppendState) => void) =>
      steps.push({ name: `keeper ${index} ${name}`, change });
    const batch = batchOf(index, keeper);
    if (batch !== undefined && keeper.waiting === null) {
      const { accepted } = prepare(batch, namesAt(state.log, keeper.head));
      if (accepted.length > 0) {
        step('puts its batch', (next) => {
          const me = next.keepers[index]!;
          const id = `${index}.${me.batch}.${++me.attempts}`;
          send(next, index, { id, first: me.head + 1, operations: accepted });
        });
      } else if (mutation === 'refuse from a stale view') step('refuses', (next) => refuse(next, index));
    }
    // A look at a tail in which nothing is changes nothing, unless a refusal waits for it.
    const mayLearn = endOf(state.log) > keeper.head || (batch !== undefined && keeper.waiting === null);
    if (keeper.tail === null && batch !== undefined && mayLearn)
      step('asks for the tail', (next) => (next.keepers[index]!.tail = { fresh: true, end: null }));
    if (keeper.tail?.end === null)
      step('is shown the tail', (next) => {
        const me = next.keepers[index]!;
        me.tail = { fresh: me.tail!.fresh, end: endOf(next.log) };
      });
    else if (keeper.tail !== null) step('applies the tail', (next) => applyTail(next, index));
    if (keeper.answer !== null) step('hears of its put', (next) => hear(next, index));
    const isLost = !state.network.some((put) => put.keeper === index && put.awaited);
    if (keeper.waiting !== null && keeper.answer === null && (isLost || state.faults > 0))
      step('times out', (next) => timeOut(next, index));
    return steps;
  }

  function applyTail(state: AppendState, index: number): void {
    const keeper = state.keepers[index]!;
    const { fresh, end } = keeper.tail!;
    keeper.tail = null;
    const batchBefore = keeper.batch;
    advance(state, index, end!);
    if (!fresh || keeper.waiting !== null || keeper.batch !== batchBefore) return;
    const batch = batchOf(index, keeper);
    if (batch === undefined) return;
    if (prepare(batch, namesAt(state.log, keeper.head)).accepted.length === 0) refuse(state, index);
  }

  function refuse(state: AppendState, index: number): void {
    const keeper = state.keepers[index]!;
    for (const operation of batchOf(index, keeper)!)
      judgeRefusal(state, keeper, { operation, zxid: keeper.head });
    nextBatch(state, keeper);
  }

  function hear(state: AppendState, index: number): void {
    const keeper = state.keepers[index]!;
    const { existing } = keeper.answer!;
    const entry = keeper.waiting!;
    keeper.answer = null;
    const isOurs = existing === null || (existing.id === entry.id && mutation !== 'no writer id');
    advance(state, index, lastOf(isOurs ? entry : existing));
    // Lost: the same requests are prepared again, on the state with the winner in it.
    keeper.waiting = null;
    keeper.settled = false;
  }

  function timeOut(state: AppendState, index: number): void {
    const keeper = state.keepers[index]!;
    for (const put of state.network) {
      if (put.keeper !== index || !put.awaited) continue;
      put.awaited = false;
      state.faults--;
    }
    if (mutation === 'next slot after a timeout') {
      keeper.waiting = null;
      return;
    }
    state.network.push({ keeper: index, entry: keeper.waiting!, awaited: true });
  }

  /** The store takes a put, whoever still waits for it: the slot is filled if it was empty. Its answer may get lost. */
  function storeSteps(state: AppendState): Step<AppendState>[] {
    const steps = state.network.flatMap((put, at): Step<AppendState>[] => {
      const what = `the store gets the put of ${put.entry.id} into slot ${put.entry.first}`;
      const take = (next: AppendState) => {
        next.network.splice(at, 1);
        return fill(next, put.entry);
      };
      const unheard = `${what}, nobody hears the answer`;
      if (!put.awaited) return [{ name: unheard, change: (next) => void take(next) }];
      const heard = (next: AppendState) => {
        next.keepers[put.keeper]!.answer = { existing: take(next) };
      };
      const lost = (next: AppendState) => {
        take(next);
        next.faults--;
      };
      const steps = [{ name: what, change: heard }];
      return state.faults > 0 ? [...steps, { name: unheard, change: lost }] : steps;
    });
    const oldest = state.log.find(({ first }) => !state.deleted.includes(first));
    if (mutation === 'delete old entries' && oldest !== undefined) {
      steps.push({
        name: `entry ${oldest.first} is deleted`,
        change: (next) => void next.deleted.push(oldest.first),
      });
    }
    return steps;
  }

  /** The entry that stood in the slot, `null` when the put filled it. */
  function fill(state: AppendState, entry: Entry): Entry | null {
    const existing = state.log.find(({ first }) => first === entry.first);
    const isTaken = existing !== undefined && !state.deleted.includes(entry.first);
    if (isTaken && mutation !== 'put without a condition') return existing;
    state.log = [...state.log.filter(({ first }) => first !== entry.first), entry];
    state.log.sort((a, b) => a.first - b.first);
    state.deleted = state.deleted.filter((first) => first !== entry.first);
    return null;
  }

  return {
    initial,
    steps: (state) => [
      ...state.keepers.flatMap((_, index) => keeperSteps(state, index)),
      ...storeSteps(state),
    ],
    violations: (state) => [...brokenLog(state.log), ...lostWrites(state), ...state.wrong],
    violationsAtEnd: (state) =>
      state.keepers.flatMap((keeper, index) =>
        keeper.batch < programs[index]!.length ? [`keeper ${index} never finished`] : [],
      ),
  };
}

/** I1: entries follow each other. The log as a witness: each transaction is one that its state accepts. */
function brokenLog(log: readonly Entry[]): string[] {
  const wrong: string[] = [];
  const names = new Set<string>();
  let end = 0;
  for (const entry of log) {
    if (entry.first !== end + 1) wrong.push(`entry ${entry.first} does not follow ${end}`);
    end = lastOf(entry);
    if (prepare(entry.operations, names).refused.length > 0)
      wrong.push(`entry ${entry.first} does what its state refuses`);
  }
  const batches = log.map(({ id }) => id.split('.').slice(0, 2).join('.'));
  if (new Set(batches).size < batches.length) wrong.push('a batch stands in the log twice');
  return wrong;
}

/** I2: what was acknowledged is in the log and stays there. */
function lostWrites({ acknowledged, log }: AppendState): string[] {
  return acknowledged
    .filter((id) => !log.some((entry) => entry.id === id))
    .map((id) => `${id} was acknowledged and is not in the log`);
}

/** I3: a refusal tells of a state at or after the arrival of what it refuses. */
function judgeRefusal(
  state: AppendState,
  keeper: Keeper,
  { operation, zxid }: { operation: Operation; zxid: number },
): void {
  if (zxid >= keeper.arrivedAt) return;
  state.wrong.push(
    `${operation.kind} ${operation.name} was refused at ${zxid}, ${keeper.arrivedAt} was there before it`,
  );
}
