/** A load balancer that follows service discovery: backends register themselves, requests go to those that are there. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'zerokeeper';
import { startEmulator } from 'zerokeeper/emulator';
import { ServiceDiscovery } from 'zerokeeper/recipes';

await using emulator = await startEmulator();

async function startBackend(id: string) {
  const server: Server = createServer((_, response) => response.end(id));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { address, port } = server.address() as AddressInfo;
  const client = await connect(emulator.connectOptions('tcp'));
  await new ServiceDiscovery(client, '/services').register('hello', { id, address, port });
  return {
    async die() {
      await client.close();
      server.close();
    },
  };
}

await using client = await connect(emulator.connectOptions('lambda'));
await using provider = await new ServiceDiscovery(client, '/services').provider('hello');

async function request(): Promise<string> {
  const { address, port } = provider.next();
  const response = await fetch(`http://${address}:${port}/`);
  return await response.text();
}

async function untilThereAre(count: number): Promise<void> {
  while (provider.instances.length !== count) await new Promise((resolve) => setTimeout(resolve, 10));
}

const backends = [await startBackend('a'), await startBackend('b'), await startBackend('c')];
await untilThereAre(3);
console.log(
  'three requests are answered by',
  [await request(), await request(), await request()].sort().join(', '),
);

await backends[1]?.die();
await untilThereAre(2);
console.log('b is gone: two are answered by', [await request(), await request()].sort().join(', '));
for (const backend of [backends[0], backends[2]]) await backend?.die();
