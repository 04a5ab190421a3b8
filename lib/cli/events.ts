import type { WatchEvent, ZooKeeperConnection } from '../client/tcp/index.js';
import type { CliIo } from './command.js';
import { toJson } from './format.js';

/** One line for one event. */
export function formatEvent(event: WatchEvent, json: boolean): string {
  return json ? toJson(event) : `${event.kind} ${event.path}\n`;
}

/** Resolves to the exit code: 0 after Ctrl-C, 1 when the session is lost, of which it tells. */
export function untilLostOrInterrupted(client: ZooKeeperConnection, io: CliIo): Promise<number> {
  const lost = new Promise<number>((resolve) => {
    client.onState((state, reason) => {
      if (state !== 'lost') return;
      io.stderr(`${reason?.name ?? 'SessionExpired'}: the session is lost\n`);
      resolve(1);
    });
  });
  return Promise.race([lost, io.interrupted().then(() => 0)]);
}
