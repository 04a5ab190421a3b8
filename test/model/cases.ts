import type { AppendOptions, Operation } from './append.js';
import { appendModel } from './append.js';
import type { Exploration } from './explorer.js';
import { explore } from './explorer.js';
import type { OnceOptions } from './once.js';
import { onceModel } from './once.js';
import type { Change, RowsOptions } from './rows.js';
import { rowsModel } from './rows.js';

const create = (name: string): Operation => ({ kind: 'create', name });
const remove = (name: string): Operation => ({ kind: 'delete', name });
const enqueue: Operation = { kind: 'enqueue', name: '' };
const appears = (name: string): Change => ({ name, isThere: true });
const goes = (name: string): Change => ({ name, isThere: false });

/** Two keepers; batches of one and of two; what one does decides what the other may. */
const contest: AppendOptions = {
  programs: [[[create('x'), create('y')]], [[create('x'), enqueue], [remove('y')]]],
  faults: 1,
};
const once: OnceOptions = { keepers: 2, writes: 1, resends: 1, attaches: 1 };
const created: RowsOptions = {
  log: [[appears('x')], [goes('x')]],
  ...{ materializers: 1, kills: 1, days: 1, evictions: 0 },
};

export interface Case {
  readonly name: string;
  readonly run: () => Exploration;
  /** Too many states for `npm test`: `npm run test:model` explores them. */
  readonly isLarge?: boolean;
  /** Half a million states and more: `npm run test:model -- --all`. */
  readonly isHuge?: boolean;
}

/** What is explored to its end and must show no violation. */
export const CASES: readonly Case[] = [
  { name: 'append: three batches of two keepers, one fault', run: () => explore(appendModel(contest)) },
  {
    name: 'append: three batches of two keepers, two faults',
    run: () => explore(appendModel({ ...contest, faults: 2 })),
    isLarge: true,
  },
  {
    name: 'append: four batches of two keepers, one fault',
    run: () =>
      explore(
        appendModel({
          programs: [[[create('x'), create('y')], [remove('x')]], contest.programs[1]!],
          faults: 1,
        }),
      ),
    isHuge: true,
  },
  { name: 'once: one write, sent twice, over an attach', run: () => explore(onceModel(once)) },
  {
    name: 'once: two writes, one of them sent twice, over an attach',
    run: () => explore(onceModel({ ...once, writes: 2 })),
    isLarge: true,
  },
  {
    name: 'rows: a materializer that is killed, over a day, beside a view',
    run: () => explore(rowsModel(created)),
  },
  {
    name: 'rows: a materializer beside a view that lets go of a record, two names',
    run: () =>
      explore(
        rowsModel({
          ...{ materializers: 1, kills: 0, days: 0, evictions: 1 },
          log: [[appears('x')], [goes('x'), appears('y')]],
        }),
      ),
  },
  {
    name: 'rows: two materializers, one of which is killed, beside a view',
    run: () => explore(rowsModel({ ...created, materializers: 2, days: 0 })),
    isLarge: true,
  },
  {
    name: 'rows: two materializers, one of which is killed, over a day, beside a view',
    run: () => explore(rowsModel({ ...created, materializers: 2 })),
    isHuge: true,
  },
];

/** Every way in which the models can be broken on purpose: each must be found. */
export const MUTATIONS: readonly Case[] = [
  ...(
    [
      'put without a condition',
      'next slot after a timeout',
      'no writer id',
      'refuse from a stale view',
      'delete old entries',
      'take an entry for one zxid',
    ] as const
  ).map((mutation) => ({
    name: `append: ${mutation}`,
    run: () => explore(appendModel({ ...contest, mutation })),
  })),
  ...(['numbers are not looked at', 'refusals are not logged', 'no epoch on requests'] as const).map(
    (mutation) => ({ name: `once: ${mutation}`, run: () => explore(onceModel({ ...once, mutation })) }),
  ),
  ...(
    [
      'watermark before its rows',
      'rows without a condition',
      'no tombstones',
      'trim under a read',
      'watermark read after the row',
      'rows written a day late',
      'a view that slept looks at no tail',
    ] as const
  ).map((mutation) => ({
    name: `rows: ${mutation}`,
    run: () => explore(rowsModel({ ...created, mutation })),
  })),
];
