import type { ServerClock } from '../../log/server-clock.js';
import { StoreError, type PutInput, type Store } from '../../log/store.js';
import { ok, problem, warning, type Finding } from './finding.js';

/** From here on a machine's clock is worth a look; leases allow for less. */
export const SKEW_WARNING_MS = 1000;
/** From here on whoever has this clock writes nothing when it steps. */
export const SKEW_PROBLEM_MS = 5000;

/** What the store's own clock says of this machine's. Ask after a few calls were made. */
export function checkClock(clock: ServerClock): Finding {
  const subject = 'clock of this machine';
  const skewMs = -clock.offsetMs;
  const advice =
    "Let it be set by NTP (chrony, or Amazon Time Sync). ZeroKeeper corrects it by the store's, other programs do not.";
  const text = `is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} the store's`;
  if (!clock.trusted) return problem(subject, 'has stepped while the doctor was looking', advice);
  if (Math.abs(skewMs) >= SKEW_PROBLEM_MS) return problem(subject, text, advice);
  if (Math.abs(skewMs) >= SKEW_WARNING_MS) return warning(subject, text, advice);
  return ok(subject, "agrees with the store's, as far as the store tells seconds");
}

/**
 * Whether this identity may write as an embedded keeper or a gateway does. What is tried has a condition that cannot hold: permissions
 * are checked, and nothing is written.
 */
export async function checkWrites({
  store,
  namespace,
}: {
  store: Store;
  namespace: string;
}): Promise<Finding[]> {
  const nowhere = { pk: `${namespace}#doctor`, sk: '-' };
  const impossible = [{ kind: 'exists' }] as const;
  const puts: readonly PutInput[] = [
    { table: 'log', item: { ns: namespace, zxid: 0 }, condition: impossible },
    { table: 'state', item: nowhere, condition: impossible },
    { table: 'leases', item: nowhere, condition: impossible },
  ];
  return Promise.all(puts.map((put) => checkPut(store, put)));
}

async function checkPut(store: Store, put: PutInput): Promise<Finding> {
  const subject = `permission to write ${put.table}`;
  try {
    await store.put(put);
    return ok(subject, 'this identity has it');
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const advice =
      'Grant it what gateways and clients over direct need (grantGateway, grantDirect of the construct).';
    return problem(subject, error.message, advice);
  }
}
