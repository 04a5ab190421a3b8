import type { SimulatedTables } from '../../../lib/log/simulated-tables.js';
import type { Records } from '../history.js';
import type { Log } from '../log.js';
import { checkChanges } from './changes.js';
import { checkRegisters } from './registers.js';
import { checkReplay } from './replay.js';
import { checkOrphans, checkRows } from './rows.js';
import { checkSequences } from './sequences.js';
import { checkSessionOrder } from './session-order.js';
import { checkSessionEnds, checkSessionLog } from './sessions.js';
import { checkPairs, checkSets } from './sets.js';
import { checkValues } from './values.js';
import { checkWatches } from './watches.js';

/** What a run leaves behind, for the checkers. */
export interface Run {
  readonly history: Records;
  readonly log: Log;
  readonly tables: SimulatedTables;
  readonly namespace: string;
}

/** Says in words what is wrong with a run; nothing when all is well. */
export type Checker = (run: Run) => readonly string[];

export const CHECKERS: Readonly<Record<string, Checker>> = {
  'replay of the log': checkReplay,
  'nothing lost, nothing doubled': checkValues,
  'order of sessions': checkSessionOrder,
  'linearizability of registers': checkRegisters,
  sets: checkSets,
  'all or nothing': checkPairs,
  'sequential names': checkSequences,
  watches: checkWatches,
  changes: checkChanges,
  'sessions in the log': checkSessionLog,
  'ends of sessions': checkSessionEnds,
  rows: checkRows,
  orphans: checkOrphans,
};

/** What all checkers say of a run. */
export function checkRun(run: Run): string[] {
  return Object.entries(CHECKERS).flatMap(([name, check]) => check(run).map((text) => `${name}: ${text}`));
}
