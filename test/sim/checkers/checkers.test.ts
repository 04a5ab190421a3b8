import { beforeAll, describe, expect, it } from 'vitest';
import type { SessionState } from '../../../lib/client/transport.js';
import type { CloseSessionTxn, Effect } from '../../../lib/core/types.js';
import { SimulatedTables } from '../../../lib/log/simulated-tables.js';
import type { Item } from '../../../lib/log/store.js';
import { TABLE_NAMES } from '../../../lib/log/tables.js';
import type { CallOutcome, CallRecord, Moment, SessionHistory } from '../history.js';
import { simulate } from '../simulate.js';
import { PAIRS, REGISTERS, SET } from '../workload.js';
import { CHECKERS, type Run } from './index.js';

/**
 * A run without faults, of which every checker says that it is right. Each test breaks a copy of it in one way, and the checker has to
 * say so. What the copy holds is shared as in the original: a session of a call is one of the sessions.
 */
let sound: Run;

beforeAll(async () => {
  const result = await simulate({ seed: 4, steps: 9_000, scenario: 'calm' });
  expect(result.violations).toEqual([]);
  sound = result.run;
}, 60_000);

type Broken<T> = T extends (infer Part)[] | readonly (infer Part)[]
  ? Part[]
  : { -readonly [Name in keyof T]: T[Name] };
interface Copy {
  calls: Broken<CallRecord>[];
  run: Run;
}

function copy(): Copy {
  const { calls, sessions, heard, notes, appends } = sound.history;
  const { entries, transactions, blobs } = sound.log;
  const parts = structuredClone({
    history: { calls, sessions, heard, notes, appends },
    log: { entries, transactions, blobs },
  });
  return { calls: parts.history.calls as CallRecord[], run: { ...sound, ...parts } };
}

function copyOfTables(): SimulatedTables {
  const tables = new SimulatedTables();
  for (const table of TABLE_NAMES) {
    for (const item of sound.tables.dump(table))
      tables.write({ operation: 'put', table, input: { table, item } });
  }
  return tables;
}

const says = (name: string, run: Run) => CHECKERS[name]!(run).join('\n');

type Answer = Extract<CallOutcome, { kind: 'answer' }>;
const answerOf = (call: CallRecord) => call.outcome as Answer;

/** The last answered call of a kind, of those that `fits`. */
function answered(
  calls: readonly Broken<CallRecord>[],
  kind: CallRecord['operation']['kind'],
  fits: (call: CallRecord) => boolean = () => true,
): Broken<CallRecord> {
  const found = calls.findLast(
    (call) => call.operation.kind === kind && call.outcome?.kind === 'answer' && fits(call),
  );
  if (found === undefined) throw new Error(`the sound run has no such ${kind}`);
  return found;
}

const at = (path: string) => (call: CallRecord) => 'path' in call.operation && call.operation.path === path;
const isLinearizableRead = (call: CallRecord) =>
  'consistency' in call.operation && call.operation.consistency === 'linearizable';

describe('the replay of the log finds', () => {
  const NAME = 'replay of the log';

  it('an answer with other data than the log has', () => {
    const { calls, run } = copy();
    const { result } = answerOf(answered(calls, 'getData'));
    Object.assign(result, { data: Buffer.from('never written') });
    expect(says(NAME, run)).toContain('the log says');
  });

  it('a write that was acknowledged and is not in the log', () => {
    const { calls, run } = copy();
    const last = run.log.transactions.length;
    const write = answered(calls, 'create');
    write.outcome = { ...answerOf(write), zxid: last + 1 };
    expect(says(NAME, run)).toContain(`the log ends at ${last}`);
  });

  it('two writes that were given the same zxid', () => {
    const { calls, run } = copy();
    const write = answered(calls, 'setData');
    (run.history.calls as CallRecord[]).push({ ...write });
    expect(says(NAME, run)).toContain('was given to several');
  });

  it('a linearizable read that shows an older state than one that was there before it', () => {
    const { calls, run } = copy();
    const read = answered(calls, 'getData', isLinearizableRead);
    read.outcome = { ...answerOf(read), zxid: read.invoked.head - 1 };
    expect(says(NAME, run)).toContain('older than');
  });

  it('a refusal that no state explains', () => {
    const { calls, run } = copy();
    const read = answered(calls, 'getData', at(REGISTERS[0]));
    read.outcome = { kind: 'error', code: -101, name: 'NoNode', maybeApplied: false };
    expect(says(NAME, run)).toContain('explains');
  });

  it('a gap between entries, and time that goes back', () => {
    const { run } = copy();
    const [first, second] = run.log.entries;
    Object.assign(second!, { first: second!.first + 1, timeMs: first!.timeMs - 1 });
    expect(says(NAME, run)).toMatch(/comes after[\s\S]*time goes back/);
  });

  it('somebody who is told of a transaction before it is in the log', () => {
    const { calls, run } = copy();
    const write = answered(calls, 'setData');
    write.returned = { ...write.returned!, head: answerOf(write).zxid - 1 };
    expect(says(NAME, run)).toContain('told before it was so');
  });
});

describe('the checker of values finds', () => {
  const NAME = 'nothing lost, nothing doubled';
  const hasValue = ({ operation }: CallRecord) =>
    operation.kind === 'setData' && /^v\d/.test(Buffer.from(operation.data).toString());

  it('a value that stands in the log twice', () => {
    const { calls, run } = copy();
    const write = answered(calls, 'setData', hasValue);
    const transaction = run.log.transactions[answerOf(write).zxid - 1]!;
    (run.log.transactions as unknown[]).push(transaction);
    expect(says(NAME, run)).toContain('stands in the log 2 times');
  });

  it('an acknowledged value that is not in the log', () => {
    const { calls, run } = copy();
    const write = answered(calls, 'setData', hasValue);
    (run.log.transactions as unknown[]).splice(answerOf(write).zxid - 1, 1);
    expect(says(NAME, run)).toContain('was acknowledged and is not in the log');
  });

  it('a value in the log of a write that is said not to have happened', () => {
    const { calls, run } = copy();
    const write = answered(calls, 'setData', hasValue);
    write.outcome = { kind: 'error', code: -4, name: 'ConnectionLoss', maybeApplied: false };
    expect(says(NAME, run)).toContain('stands in the log at');
  });
});

describe('the checker of the order of sessions finds', () => {
  const NAME = 'order of sessions';

  it('a read that does not show the session’s own earlier write', () => {
    const { calls, run } = copy();
    const write = answered(calls, 'setData', ({ session, number }) =>
      calls.some(
        (call) => call.session === session && call.number > number && call.operation.kind === 'getData',
      ),
    );
    const read = calls.find(
      (call) =>
        call.session === write.session &&
        call.number > write.number &&
        call.operation.kind === 'getData' &&
        call.outcome?.kind === 'answer',
    )!;
    read.outcome = { ...answerOf(read), zxid: answerOf(write).zxid - 1 };
    expect(says(NAME, run)).toContain('goes behind');
  });

  it('two writes of a session in the wrong order', () => {
    const { calls, run } = copy();
    const second = answered(calls, 'create');
    const first = calls.findLast(
      (call) =>
        call.session === second.session &&
        call.number < second.number &&
        call.outcome?.kind === 'answer' &&
        call.operation.kind === 'create',
    )!;
    [first.outcome, second.outcome] = [second.outcome, first.outcome];
    expect(says(NAME, run)).toContain('goes behind');
  });
});

describe('the linearizability of registers', () => {
  it('is refused of a run in which a register’s reads were exchanged', () => {
    const { calls, run } = copy();
    const late = answered(calls, 'getData', (call) => at(REGISTERS[0])(call) && isLinearizableRead(call));
    const { result } = answerOf(late);
    Object.assign(result, {
      data: Buffer.from('founded'),
      stat: { ...(result as { stat: object }).stat, version: 0 },
    });
    expect(says('linearizability of registers', run)).toContain('not linearizable');
  });
});

describe('the checkers of sets and pairs find', () => {
  const children = (call: CallRecord) =>
    (answerOf(call).result as unknown as { children: string[] }).children;
  const full = (path: string) => (call: CallRecord) =>
    at(path)(call) && isLinearizableRead(call) && children(call).length > 1;

  it('a name that was added and is not there', () => {
    const { calls, run } = copy();
    children(answered(calls, 'getChildren', full(SET))).shift();
    expect(says('sets', run)).toContain('does not see');
  });

  it('a name that nobody added, and one that is there twice', () => {
    const { calls, run } = copy();
    const names = children(answered(calls, 'getChildren', full(SET)));
    names.push('nobody', names[0]!);
    expect(says('sets', run)).toMatch(/twice[\s\S]*nobody can have added/);
  });

  it('one half of a multi', () => {
    const { calls, run } = copy();
    children(answered(calls, 'getChildren', full(PAIRS))).shift();
    expect(says('all or nothing', run)).toContain('without');
  });

  it('what a refused multi was to add', () => {
    const { calls, run } = copy();
    const refused = calls.find(
      ({ operation, outcome }) =>
        operation.kind === 'multi' && outcome?.kind === 'error' && JSON.stringify(operation).includes(PAIRS),
    )!;
    const { operations } = refused.operation as { operations: readonly { kind: string; path: string }[] };
    const names = operations.flatMap(({ kind, path }) =>
      kind === 'create' ? [path.slice(PAIRS.length + 1)] : [],
    );
    children(answered(calls, 'getChildren', full(PAIRS))).push(...names);
    expect(says('all or nothing', run)).toContain('nobody can have added');
  });
});

describe('the checker of sequential names finds', () => {
  const NAME = 'sequential names';
  const named = (calls: readonly Broken<CallRecord>[]) =>
    calls.filter((call) => at('/sequence/n-')(call) && call.outcome?.kind === 'answer');

  it('a name that was given twice', () => {
    const { calls, run } = copy();
    const [first, second] = named(calls);
    second!.outcome = { ...first!.outcome! };
    expect(says(NAME, run)).toContain('given twice');
  });

  it('names that do not rise', () => {
    const { calls, run } = copy();
    const all = named(calls);
    const [first, last] = [all[0]!, all.at(-1)!];
    [first.outcome, last.outcome] = [last.outcome, first.outcome];
    expect(says(NAME, run)).toContain('before');
  });
});

describe('the checker of watches finds', () => {
  const NAME = 'watches';
  const told = (run: Run) => {
    const session = run.history.sessions.find(
      ({ transport, events, closing }) => transport !== 'tcp' && events.length > 2 && closing !== undefined,
    )!;
    return session.events;
  };

  it('an event that nobody was told of', () => {
    const { run } = copy();
    told(run).splice(0, 1);
    expect(says(NAME, run)).toContain('is not told of');
  });

  it('an event that is told after an answer has shown the change', () => {
    const { run } = copy();
    const [event] = told(run);
    Object.assign(event!, { at: { ...event!.at, sequence: Number.MAX_SAFE_INTEGER } });
    expect(says(NAME, run)).toContain('before it sees it');
  });

  it('an event that is told twice', () => {
    const { run } = copy();
    const events = told(run);
    events.splice(1, 0, events[0]!);
    expect(says(NAME, run)).toContain('comes after');
  });

  it('events in the wrong order', () => {
    const { run } = copy();
    const events = told(run);
    [events[0], events[1]] = [events[1]!, events[0]!];
    expect(says(NAME, run)).toContain('comes after');
  });

  it('an event that the log does not have, and one that nobody asked for', () => {
    const { run } = copy();
    const events = told(run);
    events.push({ type: 'deleted', path: '/registers/a', zxid: 10_000, position: 0, at: events.at(-1)!.at });
    expect(says(NAME, run)).toMatch(/nothing in the log is/);
    events[events.length - 1] = { ...events.at(-1)!, type: 'created', path: '/nowhere' };
    expect(says(NAME, run)).toContain('nobody asked for');
  });

  /** Over tcp somebody asked whether a znode exists, which then came, went, and came again; it is told of its second coming. */
  function toldLate(states: readonly SessionState[]): string {
    const { run } = copy();
    const moment = (sequence: number) => ({ sequence, ms: 0, head: 1 });
    const effects: Effect[] = ['create', 'delete', 'create'].map((type) =>
      type === 'create'
        ? { type, path: '/late', data: new Uint8Array(), acl: [], ephemeralOwner: 0n }
        : { type: 'delete', path: '/late', ephemeralOwner: 0n },
    );
    const transactions = effects.map((effect, index) => ({
      txn: { effect, session: 0n, cxid: 0 },
      position: { zxid: 2 + index, timeMs: 0 },
    }));
    const session: SessionHistory = {
      ...{ client: 'tcp-1', transport: 'tcp', id: '1', timeoutMs: 1, closing: undefined, process: [] },
      states: states.map((state, index) => ({ state, at: moment(3 + index) })),
      events: [{ type: 'created', path: '/late', zxid: 4, position: 0, at: moment(9) }],
    };
    const call: CallRecord = {
      ...{ number: 1, session, seen: 0, known: 0, invoked: moment(1), armed: moment(2), returned: moment(2) },
      operation: { kind: 'exists', path: '/late', watch: true, consistency: 'session' },
      outcome: { kind: 'answer', zxid: 1, result: { kind: 'exists', stat: undefined } },
    };
    const history = { ...run.history, calls: [call], sessions: [session], heard: [] };
    return says(NAME, { ...run, history, log: { ...run.log, transactions } });
  }

  it('one that comes late, unless its client was away while the znode came and went', () => {
    expect(toldLate([])).toContain('nobody asked for');
    expect(toldLate(['suspended', 'connected'])).toBe('');
  });

  it('a listener that is called twice', () => {
    const { run } = copy();
    const heard = run.history.heard as unknown[];
    heard.push(heard[0]);
    expect(says(NAME, run)).toContain('was called twice');
  });
});

describe('the checker of changes finds', () => {
  const page = (calls: readonly Broken<CallRecord>[]) => {
    const call = answered(calls, 'changes', ({ outcome }) => {
      return (
        outcome?.kind === 'answer' && outcome.result.kind === 'changes' && outcome.result.changes.length > 1
      );
    });
    return answerOf(call).result as unknown as { changes: { zxid: number }[]; until: number };
  };
  const NAME = 'changes';

  it.each<[string, (changes: { zxid: number }[]) => unknown]>([
    ['one that is missing', (changes) => changes.splice(1, 1)],
    ['one that is told twice', (changes) => changes.push(changes.at(-1)!)],
    ['an order that is not the log’s', (changes) => changes.reverse()],
    ['one at another zxid', (changes) => Object.assign(changes[0]!, { zxid: changes[0]!.zxid + 1 })],
  ])('%s', (_what, breakPage) => {
    const { calls, run } = copy();
    breakPage(page(calls).changes);
    expect(says(NAME, run)).toContain('the log has');
  });

  it('a page that goes further than the log', () => {
    const { calls, run } = copy();
    page(calls).until = 100_000;
    expect(says(NAME, run)).toContain('before it was there');
  });
});

describe('the checkers of sessions find', () => {
  const closing = (run: Run, fits: (effect: CloseSessionTxn) => boolean = () => true) => {
    const index = run.log.transactions.findIndex(
      ({ txn: { effect } }) => effect.type === 'closeSession' && fits(effect),
    );
    return { index, transaction: run.log.transactions[index]!, all: run.log.transactions as unknown[] };
  };

  it('a session that is closed twice', () => {
    const { run } = copy();
    const { transaction, all } = closing(run);
    all.push(transaction);
    expect(says('sessions in the log', run)).toContain('and again');
  });

  it('a session that is closed before it was opened, and one that writes after its end', () => {
    const { run } = copy();
    const { transactions } = run.log;
    const writes = (id: bigint) => transactions.findIndex(({ txn }) => txn.session === id);
    const { index, transaction, all } = closing(run, ({ session }) => writes(session) !== -1);
    const { session } = transaction.txn.effect as CloseSessionTxn;
    all.splice(index, 1);
    all.unshift(transaction);
    expect(says('sessions in the log', run)).toContain('never open');
    all.shift();
    all.splice(writes(session), 0, transaction);
    expect(says('sessions in the log', run)).toContain('is not open');
  });

  it('an ephemeral that outlives its session', () => {
    const { run } = copy();
    const { transaction } = closing(run, ({ ephemerals }) => ephemerals.length > 0);
    Object.assign(transaction.txn.effect, { ephemerals: [] });
    expect(says('sessions in the log', run)).toContain('leaves');
  });

  it('a transaction that its client did not ask for', () => {
    const { calls, run } = copy();
    const write = answered(calls, 'setData');
    (run.history.calls as CallRecord[]).splice(calls.indexOf(write), 1);
    expect(says('sessions in the log', run)).toContain('asked for');
  });

  it('a session that is closed while its client is connected and has not asked for it', () => {
    const { run } = copy();
    for (const session of run.history.sessions) Object.assign(session, { closing: undefined });
    expect(says('ends of sessions', run)).toContain('while it was connected');
  });

  it('a client that is told of its end before the log has decided', () => {
    const { run } = copy();
    const session = run.history.sessions.find(({ transport }) => transport === 'lambda')!;
    const lostAt: Moment = { sequence: 0, ms: 0, head: 0 };
    Object.assign(session, { closing: undefined, states: [{ state: 'lost', at: lostAt }] });
    expect(says('ends of sessions', run)).toContain('which the log did not say');
  });
});

describe('the checkers of rows find', () => {
  const of = (tables: SimulatedTables, part: string): Item =>
    tables.dump('state').find((row) => String(row['pk']).includes(part) && row['gone'] !== true)!;
  const put = (tables: SimulatedTables, table: 'state' | 'leases' | 'watches', item: Item) =>
    tables.write({ operation: 'put', table, input: { table, item } });

  it.each([
    ['a znode that is not as the log says', '#node#/registers/a', { v: 99 }, 'is wrong'],
    ['a znode that is gone', '#node#/registers/a', { pk: 'sim#node#/gone' }, 'which is gone'],
    ['a watermark that is not at the end', '#watermark', { z: 1 }, 'the watermark is not at'],
  ])('%s', (...[, part, change, complaint]) => {
    const tables = copyOfTables();
    put(tables, 'state', { ...of(tables, part), ...change });
    expect(says('rows', { ...sound, tables })).toContain(complaint);
  });

  it('a row that is missing', () => {
    const tables = copyOfTables();
    const row = of(tables, '#node#/registers/a');
    const key = { partition: String(row['pk']), sort: String(row['sk']) };
    tables.write({ operation: 'delete', table: 'state', input: { table: 'state', key } });
    expect(says('rows', { ...sound, tables })).toContain('is missing');
  });

  it.each([
    ['leases', 'sim#lease#1'],
    ['watches', 'sim#session#1'],
    ['state', 'sim#blob#00'],
    ['state', 'sim#garbage'],
  ] as const)('what is left in %s and belongs to nobody: %s', (table, pk) => {
    const tables = copyOfTables();
    put(tables, table, { pk, sk: 'x' });
    expect(says('orphans', { ...sound, tables })).toContain(`nobody needs the row ${pk}`);
  });
});
