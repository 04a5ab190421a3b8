/** Leader election among three processes: the leader steps down, then dies, and there is always one more. */
import { connect } from 'zerokeeper';
import { startEmulator } from 'zerokeeper/emulator';
import { LeaderLatch } from 'zerokeeper/recipes';

await using emulator = await startEmulator();
const candidates: { id: string; latch: LeaderLatch; close: () => Promise<void> }[] = [];
for (const id of ['one', 'two', 'three']) {
  const client = await connect(emulator.connectOptions('tcp'));
  const latch = new LeaderLatch(client, '/leaders/scheduler', { id });
  latch.start();
  candidates.push({ id, latch, close: () => client.close() });
}

async function leader() {
  const leading = await Promise.any(
    candidates.map(async (candidate) => ({ candidate, leadership: await candidate.latch.untilLeader() })),
  );
  console.log(`${leading.candidate.id} leads, in term ${leading.leadership.fencingToken}`);
  candidates.splice(candidates.indexOf(leading.candidate), 1);
  return leading.candidate;
}

const first = await leader();
await first.latch.close();
const second = await leader();
await second.close();
const third = await leader();
await third.latch.close();
await Promise.all([first.close(), third.close()]);
