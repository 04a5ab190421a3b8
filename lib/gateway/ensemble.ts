import { NO_SESSION } from '../core/types.js';
import type { Keeper } from '../keeper/keeper.js';
import type { GatewayInfo } from '../keeper/types.js';
import { SUPER } from './auth.js';

export const CONFIG_PATH = '/zookeeper/config';

/** Ports between servers, which ZooKeeper's format demands. Nobody listens there: gateways do not talk to each other. */
const QUORUM_PORTS = '2888:3888';

/**
 * Keeps /zookeeper/config true: the live gateways, as ZooKeeper's dynamic configuration lists servers. It is a znode like any other,
 * so who watches it (Curator's EnsembleTracker does) is told when a gateway comes or goes. Every gateway sees to it, and
 * writes only what differs.
 */
export class Ensemble {
  readonly #keeper: Keeper;

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /** Returns whether it wrote. That another one was faster is as good. */
  async publish(gateways: readonly GatewayInfo[]): Promise<boolean> {
    const servers = serverLines(gateways);
    const current = await this.#current();
    if (servers === '' || current.text.startsWith(servers + 'version=')) return false;
    const data = Buffer.from(`${servers}version=${(current.version + 1).toString(16)}\n`);
    const origin = { session: NO_SESSION, epoch: 0, authIds: [SUPER] };
    const { version } = current;
    const outcome = await this.#keeper.write({ kind: 'setData', path: CONFIG_PATH, data, version }, origin);
    return outcome.ok;
  }

  async #current(): Promise<{ text: string; version: number }> {
    const { answer } = await this.#keeper.read({ kind: 'getData', path: CONFIG_PATH }, { authIds: [SUPER] });
    if (!answer.ok || answer.result.kind !== 'getData') return { text: '', version: 0 };
    const { data, stat } = answer.result;
    return { text: Buffer.from(data).toString('utf8'), version: stat.version };
  }
}

/** In the order of their addresses, so that all gateways write the same. A client with a keeper of its own is no server. */
export function serverLines(gateways: readonly GatewayInfo[]): string {
  const addresses = new Set(gateways.flatMap(({ kind, address }) => (kind === undefined ? [address] : [])));
  return [...addresses]
    .filter((address) => /^.+:\d+$/.test(address))
    .sort()
    .map((address, index) => {
      const host = address.slice(0, address.lastIndexOf(':'));
      return `server.${index + 1}=${host}:${QUORUM_PORTS}:participant;${address}\n`;
    })
    .join('');
}
