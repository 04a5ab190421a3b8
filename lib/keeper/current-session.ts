import { recordKey } from '../core/state.js';
import type { SessionId, SessionRecord } from '../core/types.js';
import { HYDRATIONS_PARALLEL_MAX } from './limits.js';
import type { Replica } from './replica.js';

/** Sessions' records at the log's end, as it was after this call began; `null` for a session that is not open. */
export async function currentSessions(
  replica: Replica,
  sessions: readonly SessionId[],
): Promise<Map<SessionId, SessionRecord | null>> {
  const found = new Map<SessionId, SessionRecord | null>();
  if (sessions.length === 0) return found;
  let missing = sessions;
  const hydrate = () => replica.hydrate(missing.slice(0, HYDRATIONS_PARALLEL_MAX).map(recordKey.session));
  // What is in the view needs no row, and the others' rows are read beside the tail.
  missing = sessions.filter((session) => replica.view.session(session) === undefined);
  await Promise.all([replica.sync(), hydrate()]);
  missing = sessions;
  for (;;) {
    for (const session of missing) {
      const record = replica.view.session(session);
      if (record !== undefined) found.set(session, record);
    }
    missing = missing.filter((session) => !found.has(session));
    if (missing.length === 0) return found;
    await hydrate();
  }
}

export async function currentSession(replica: Replica, session: SessionId): Promise<SessionRecord | null> {
  const records = await currentSessions(replica, [session]);
  return records.get(session) ?? null;
}
