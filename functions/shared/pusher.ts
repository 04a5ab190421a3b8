import type { ApiGatewayManagementApiClient } from '@aws-sdk/client-apigatewaymanagementapi';
import type { Pusher } from '../../lib/api/watches/types.js';
import { once } from '../../lib/base/once.js';
import { clientConfig } from '../../lib/log/dynamo-client.js';

/** Namespaces whose client is kept between invocations; beyond it the oldest is made anew. */
export const PUSHERS_MAX = 64;

/**
 * Pushes through API Gateway, where each namespace has a stage of its name: `endpoint` is
 * `https://ID.execute-api.REGION.amazonaws.com`. The client is loaded with the first push.
 */
export function managementPushers(endpoint: string): (namespace: string) => Pusher {
  const loaded = once(() => import('@aws-sdk/client-apigatewaymanagementapi'));
  const clients = new Map<string, ApiGatewayManagementApiClient>();
  const clientOf = async (namespace: string) => {
    const found = clients.get(namespace);
    if (found !== undefined) return found;
    const { ApiGatewayManagementApiClient } = await loaded();
    const made = new ApiGatewayManagementApiClient(clientConfig({ endpoint: `${endpoint}/${namespace}` }));
    clients.set(namespace, made);
    const [oldest] = clients.keys();
    if (clients.size > PUSHERS_MAX && oldest !== undefined) clients.delete(oldest);
    return made;
  };
  return (namespace) => ({
    async push(connectionId, message) {
      const { GoneException, PostToConnectionCommand } = await loaded();
      const client = await clientOf(namespace);
      const Data = Buffer.from(JSON.stringify(message));
      try {
        await client.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data }));
        return 'sent';
      } catch (error) {
        if (error instanceof GoneException) return 'gone';
        throw error;
      }
    },
  });
}
