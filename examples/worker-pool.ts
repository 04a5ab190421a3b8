/** A pool of workers that splits partitions (cluster membership), and divides them anew when one of the workers dies. */
import { connect } from 'zerokeeper';
import { startEmulator } from 'zerokeeper/emulator';
import { SetPartitioner } from 'zerokeeper/recipes';

const PARTITIONS = ['0', '1', '2', '3', '4', '5'];

await using emulator = await startEmulator();
const owners = new Map<string, string>();
let changed: () => void = () => undefined;

async function startWorker(id: string) {
  const client = await connect(emulator.connectOptions('direct'));
  const partitioner = new SetPartitioner(client, '/pool', {
    partitions: PARTITIONS,
    id,
    work: async (partition, held) => {
      owners.set(partition, id);
      changed();
      await new Promise((resolve) => held.signal.addEventListener('abort', resolve, { once: true }));
      owners.delete(partition);
      changed();
    },
  });
  await partitioner.join();
  return { client, partitioner };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise<void>((resolve) => (changed = resolve));
}

const shareOf = (id: string) => [...owners].filter(([, owner]) => owner === id).length;

const one = await startWorker('one');
const two = await startWorker('two');
const three = await startWorker('three');
await until(() => ['one', 'two', 'three'].every((id) => shareOf(id) === 2));
console.log('each of three workers has two partitions');

await two.client.close();
await until(() => shareOf('one') === 3 && shareOf('three') === 3);
console.log('one died: the other two have three each');

for (const { client, partitioner } of [one, three]) {
  await partitioner.close();
  await client.close();
}
