import type { ServerClock } from '../../log/server-clock.js';
import type { Store } from '../../log/store.js';
import type { Inspector } from '../inspector.js';
import { checkClock, checkWrites } from './access.js';
import { checkData } from './data.js';
import type { Finding, Level } from './finding.js';
import { checkFunctions } from './functions.js';
import { checkTables } from './tables.js';

export type { Finding, Level } from './finding.js';

/** A deployment to be looked at. */
export interface Patient {
  readonly inspector: Inspector;
  readonly store: Store;
  /** Fed by the store's calls. */
  readonly clock: ServerClock;
  readonly tablePrefix: string;
  readonly namespaces: readonly string[];
  /** What clients invoke, where it is known. */
  readonly clientFunction?: string | undefined;
  /** Also whether this identity may write the tables itself. */
  readonly writes?: boolean;
}

/** Looks at everything that tells a deployment that works from one that does not. Changes nothing. */
export async function examine(patient: Patient): Promise<Finding[]> {
  const { store, clock, namespaces } = patient;
  const [tables, functions] = await Promise.all([checkTables(patient.inspector), checkFunctions(patient)]);
  const data: Finding[] = [];
  for (const namespace of namespaces) {
    data.push(...(await checkData({ store, namespace, clock })));
    if (patient.writes === true) data.push(...(await checkWrites({ store, namespace })));
  }
  return [...tables, ...functions, ...data, checkClock(clock)];
}

/** How many findings there are of a level. */
export function count(findings: readonly Finding[], level: Level): number {
  return findings.filter((finding) => finding.level === level).length;
}
