import { connect } from '../../lib/client/index.js';
import { createDynamoClient } from '../../lib/log/dynamo-client.js';
import { useEngine } from '../support/engine.js';
import { runBehaviour } from './suite.js';
import type { Target } from './support/target.js';

const engine = useEngine();

/** Embedded keepers on a real engine; each client has a connection of its own, which can fail. */
async function engineTarget(): Promise<Target> {
  const tablePrefix = await engine.freshTables();
  let isBroken = false;
  let lostShare = 0;
  let luck = 0;
  const opened: { destroy(): void }[] = [];
  const fallibleClient = () => {
    const client = createDynamoClient({ endpoint: engine.endpoint });
    const send = client.send.bind(client) as (command: unknown) => Promise<unknown>;
    const fallible = async (command: unknown) => {
      if (isBroken) throw new Error('the network is down');
      const answer = await send(command);
      // Evenly, so that the share is exact.
      luck += lostShare;
      if (luck < 1) return answer;
      luck -= 1;
      throw new Error('the reply was lost');
    };
    opened.push(client);
    return Object.assign(client, { send: fallible });
  };
  return {
    connect: (options = {}) =>
      connect({ transport: 'direct', tablePrefix, client: fallibleClient(), reap: false, ...options }),
    interrupt: () => {
      isBroken = true;
    },
    repair: () => {
      isBroken = false;
    },
    loseReplies: (share) => {
      lostShare = share;
    },
    stop: () => {
      for (const client of opened) client.destroy();
      return Promise.resolve();
    },
  };
}

runBehaviour('direct, on a DynamoDB engine', engineTarget);
