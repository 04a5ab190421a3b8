/** Naming: workers that number themselves, the lowest number that is free, without asking each other. */
import { connect, NodeExistsError, type ZeroKeeperClient } from 'zerokeeper';
import { startEmulator } from 'zerokeeper/emulator';

await using emulator = await startEmulator();

/** The name goes back when the worker's session ends. */
async function takeName(client: ZeroKeeperClient): Promise<string> {
  for (let number = 1; ; number++) {
    try {
      await client.create(`/names/worker-${number}`, '', { mode: 'ephemeral', parents: true });
      return `worker-${number}`;
    } catch (error) {
      if (!(error instanceof NodeExistsError)) throw error;
    }
  }
}

const clients = await Promise.all([1, 2, 3].map(() => connect(emulator.connectOptions('direct'))));
const names = await Promise.all(clients.map(takeName));
console.log('three workers are called', names.sort().join(', '));
const [leaving, ...staying] = clients;
await leaving?.close();
await using newcomer = await connect(emulator.connectOptions('tcp'));
console.log('one left; a new one is called', await takeName(newcomer));
for (const client of staying) await client.close();
