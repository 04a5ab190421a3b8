import { apiHandler } from '../../../functions/shared/api.js';
import { connectHandler } from '../../../functions/shared/connect.js';
import { expireFunction } from '../../../functions/shared/expire.js';
import { materializeHandler } from '../../../functions/shared/materialize.js';
import type { InvocationContext } from '../../../functions/shared/namespaces.js';
import { notifyHandler } from '../../../functions/shared/notify.js';
import { QueueTimers, type SendMessage } from '../../../functions/shared/timer-messages.js';
import { createWatchWiring } from '../../../functions/shared/watch-wiring.js';
import { createWiring } from '../../../functions/shared/wiring.js';
import type { Pusher } from '../../../lib/api/watches/types.js';
import { NAMESPACE, type Ground } from './ground.js';
import type { SimProcess } from './process.js';

export type FunctionName = 'api' | 'materialize' | 'notify' | 'expire' | 'connect';

export type Handler = (event: unknown, context: InvocationContext) => Promise<unknown>;

/** What a function reaches beside the store. */
export interface Surroundings {
  /** Invokes another function and does not wait for it. */
  readonly invokeLater: (from: SimProcess, name: FunctionName, event: object) => Promise<void>;
  readonly send: (from: SimProcess, message: Parameters<SendMessage>[0]) => Promise<void>;
  readonly push: (from: SimProcess, connectionId: string, message: object) => ReturnType<Pusher['push']>;
}

/** A function as a new instance of it starts: the deployed code, on the instance's own clock and connection. */
export function startFunction(
  ground: Ground,
  name: FunctionName,
  { process, around }: { readonly process: SimProcess; readonly around: Surroundings },
): Handler {
  const { clock } = process;
  const common = {
    store: ground.store(process),
    clock,
    random: ground.dice.fork().random,
    logger: ground.logger(process.name),
    namespaces: [NAMESPACE],
  };
  const authority = { namespace: NAMESPACE, payloadMayName: false };
  if (name === 'notify' || name === 'connect') {
    const pusher: Pusher = { push: (connectionId, message) => around.push(process, connectionId, message) };
    const wiring = createWatchWiring({ ...common, pusherOf: () => pusher });
    return name === 'notify' ? notifyHandler(() => wiring) : connectHandler(() => wiring);
  }
  const wiring = createWiring({
    ...common,
    isClockTrusted: () => clock.trusted,
    authority,
    timers: new QueueTimers('queue', (message) => around.send(process, message)),
    notify: (namespace, zxid) => around.invokeLater(process, 'notify', { namespace, zxid }),
    materialize: (namespace) => around.invokeLater(process, 'materialize', { namespace }),
  });
  if (name === 'api') return apiHandler(() => wiring);
  return name === 'materialize' ? materializeHandler(() => wiring) : expireFunction(() => wiring);
}
