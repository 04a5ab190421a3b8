import type { Model, Step } from './explorer.js';

/**
 * Exactly once (I6) and ownership (I11): one session whose client numbers its writes, sends each to whichever keeper it likes, again and again, gives writes
 * up, and attaches anew; copies of its requests stay in the network for as long as the run lasts. docs/MODEL.md says which action is which code.
 *
 * Its writes are refused while a flag, which somebody else raises some time, is down.
 */
interface Request {
  readonly cxid: number;
  readonly epoch: number;
  /** A settle asks what became of a number, and spends it if nothing did. */
  readonly kind: 'write' | 'settle';
}

type Outcome = 'done' | 'refused' | 'given up';

type Logged =
  | { readonly kind: 'write'; readonly cxid: number; readonly epoch: number; readonly outcome: Outcome }
  | { readonly kind: 'attach'; readonly epoch: number }
  | { readonly kind: 'flag' };

interface Keeper {
  head: number;
  /** What it works on, and, while its put is under way, the transaction for the slot after its head. */
  request: Request | null;
  put: Logged | null;
}

export interface OnceState {
  log: Logged[];
  copies: Request[];
  keepers: Keeper[];
  epoch: number;
  cxid: number;
  outstanding: Request | null;
  told: (Outcome | null)[];
  resends: number;
  attaches: number;
  wrong: string[];
}

export interface OnceOptions {
  readonly keepers: number;
  readonly writes: number;
  /** Copies that are sent besides the first one of each write. */
  readonly resends: number;
  readonly attaches: number;
  /** A way to break it on purpose: the checker has to find each. */
  readonly mutation?: 'numbers are not looked at' | 'refusals are not logged' | 'no epoch on requests';
}

export function onceModel(options: OnceOptions): Model<OnceState> {
  const { mutation } = options;

  function sessionAt(log: readonly Logged[], head: number) {
    const seen = log.slice(0, head);
    const writes = seen.filter((one) => one.kind === 'write');
    const epoch = seen.reduce((last, one) => (one.kind === 'attach' ? one.epoch : last), 1);
    return { cxid: writes.at(-1)?.cxid ?? 0, epoch, isRaised: seen.some(({ kind }) => kind === 'flag') };
  }

  function clientSteps(state: OnceState): Step<OnceState>[] {
    const steps: Step<OnceState>[] = [];
    const step = (name: string, change: (next: OnceState) => void) =>
      steps.push({ name: `the client ${name}`, change });
    const { outstanding } = state;
    if (outstanding === null && state.cxid < options.writes)
      step(`sends write ${state.cxid + 1}`, (next) => {
        send(next, { cxid: ++next.cxid, epoch: next.epoch, kind: 'write' });
      });
    if (outstanding !== null && state.resends > 0) {
      step(`sends ${outstanding.kind} ${outstanding.cxid} again`, (next) => {
        next.resends--;
        send(next, { ...outstanding, epoch: next.epoch });
      });
      if (outstanding.kind === 'write')
        step(`gives write ${outstanding.cxid} up and settles it`, (next) => {
          next.resends--;
          send(next, { cxid: outstanding.cxid, epoch: next.epoch, kind: 'settle' });
        });
    }
    if (state.attaches > 0)
      step('attaches anew', (next) => {
        next.attaches--;
        next.epoch++;
        next.log.push({ kind: 'attach', epoch: next.epoch });
        if (next.outstanding !== null) send(next, { ...next.outstanding, epoch: next.epoch });
      });
    if (!state.log.some(({ kind }) => kind === 'flag'))
      steps.push({
        name: 'somebody raises the flag',
        change: (next) => void next.log.push({ kind: 'flag' }),
      });
    return steps;
  }

  function send(state: OnceState, request: Request): void {
    state.outstanding = request;
    const isThere = state.copies.some(
      ({ cxid, epoch, kind }) => cxid === request.cxid && epoch === request.epoch && kind === request.kind,
    );
    // A copy is never used up, so two of the same are one.
    if (!isThere) state.copies.push(request);
  }

  function keeperSteps(state: OnceState, index: number): Step<OnceState>[] {
    const keeper = state.keepers[index]!;
    const steps: Step<OnceState>[] = [];
    const step = (name: string, change: (me: Keeper, next: OnceState) => void) =>
      steps.push({ name: `keeper ${index} ${name}`, change: (next) => change(next.keepers[index]!, next) });
    if (keeper.put !== null) {
      step('puts into the slot after its head', (me, next) => put(me, next));
      return steps;
    }
    if (keeper.head < state.log.length) step('reads the tail', (me, next) => (me.head = next.log.length));
    if (keeper.request === null) {
      for (const request of state.copies)
        step(
          `gets ${request.kind} ${request.cxid} of epoch ${request.epoch}`,
          (me) => (me.request = request),
        );
      return steps;
    }
    const session = sessionAt(state.log, keeper.head);
    const { cxid, epoch } = keeper.request;
    if (epoch !== session.epoch && mutation !== 'no epoch on requests') {
      // A stale view refuses nothing.
      if (keeper.head === state.log.length)
        step('refuses a request of another epoch', (me) => (me.request = null));
      return steps;
    }
    if (cxid <= session.cxid && mutation !== 'numbers are not looked at') {
      step('answers from the log', (me, next) => answerRecorded(me, next));
    } else if (cxid > session.cxid + 1) {
      if (keeper.head === state.log.length)
        step('refuses a number out of order', (me) => (me.request = null));
    } else step('prepares it', (me, next) => prepare(me, next));
    return steps;
  }

  function prepare(me: Keeper, state: OnceState): void {
    const { kind, cxid, epoch } = me.request!;
    const isDone = sessionAt(state.log, me.head).isRaised;
    const outcome = kind === 'settle' ? 'given up' : isDone ? 'done' : 'refused';
    if (outcome === 'refused' && mutation === 'refusals are not logged') {
      if (me.head < state.log.length) return;
      tell(state, me.request!, outcome);
      me.request = null;
      return;
    }
    me.put = { kind: 'write', cxid, epoch, outcome };
  }

  function put(me: Keeper, state: OnceState): void {
    const logged = me.put!;
    me.put = null;
    if (state.log.length > me.head) {
      // Lost: apply the winner and prepare again.
      me.head++;
      return;
    }
    state.log.push(logged);
    me.head++;
    if (logged.kind === 'write') tell(state, me.request!, logged.outcome);
    me.request = null;
  }

  function answerRecorded(me: Keeper, state: OnceState): void {
    const { cxid } = me.request!;
    const entry = state.log.find((one) => one.kind === 'write' && one.cxid === cxid);
    if (entry?.kind === 'write') tell(state, me.request!, entry.outcome);
    me.request = null;
  }

  /** An answer arrives, unless nobody waits for that number any more; that it may get lost is that it need not be acted upon. */
  function tell(state: OnceState, { cxid }: Request, outcome: Outcome): void {
    if (state.outstanding?.cxid !== cxid) return;
    state.told[cxid] = outcome;
    state.outstanding = null;
  }

  return {
    initial: {
      ...{ log: [], copies: [], epoch: 1, cxid: 0, outstanding: null, wrong: [] },
      ...{ resends: options.resends, attaches: options.attaches },
      told: Array.from({ length: options.writes + 1 }, () => null),
      keepers: Array.from({ length: options.keepers }, () => ({ head: 0, request: null, put: null })),
    },
    steps: (state) => [
      ...clientSteps(state),
      ...state.keepers.flatMap((_, index) => keeperSteps(state, index)),
    ],
    violations: (state) => brokenLog(state),
    // There is no end: a keeper may get a copy at any time.
    violationsAtEnd: () => ['a run ended'],
  };
}

/** Every number stands in the log at most once, in order, under the epoch that was current; what was told is what stands there. */
function brokenLog({ log, told }: OnceState): string[] {
  const wrong: string[] = [];
  let last = 0;
  let current = 1;
  for (const one of log) {
    if (one.kind === 'attach') current = one.epoch;
    if (one.kind !== 'write') continue;
    if (one.cxid !== last + 1) wrong.push(`write ${one.cxid} follows write ${last}`);
    if (one.epoch !== current)
      wrong.push(`write ${one.cxid} of epoch ${one.epoch} landed in epoch ${current}`);
    last = one.cxid;
    const said = told[one.cxid];
    if (said !== null && said !== one.outcome)
      wrong.push(`write ${one.cxid} was told ${said} and is ${one.outcome}`);
  }
  return wrong;
}
