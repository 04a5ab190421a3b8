import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where functions under test report, and are held until they are let go. */
export interface Gate {
  readonly url: string;
  /** The body of the next request to come, in order. Its answer waits for {@link release}. */
  arrival(): Promise<string>;
  /** Answers the request that has waited longest. */
  release(text?: string): void;
  close(): Promise<void>;
}

export async function openGate(): Promise<Gate> {
  const held: ServerResponse[] = [];
  const bodies: string[] = [];
  const awaited: ((body: string) => void)[] = [];
  const server = createServer((request, response) => {
    void request.toArray().then((chunks: Buffer[]) => {
      const body = Buffer.concat(chunks).toString();
      held.push(response);
      const next = awaited.shift();
      if (next === undefined) bodies.push(body);
      else next(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrival() {
      const body = bodies.shift();
      return body === undefined ? new Promise((resolve) => awaited.push(resolve)) : Promise.resolve(body);
    },
    release(text = '') {
      held.shift()?.end(text);
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
