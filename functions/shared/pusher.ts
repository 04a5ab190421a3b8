import type { Pusher } from '../../lib/api/watches/types.js';
import { once } from '../../lib/base/once.js';
import { clientConfig } from '../../lib/log/dynamo-client.js';

/** Pushes through API Gateway: `https://ID.execute-api.REGION.amazonaws.com/STAGE`. Its client is loaded with the first push. */
export function managementPusher(endpoint: string): Pusher {
  const loaded = once(async () => {
    const api = await import('@aws-sdk/client-apigatewaymanagementapi');
    return { ...api, client: new api.ApiGatewayManagementApiClient(clientConfig({ endpoint })) };
  });
  return {
    async push(connectionId, message) {
      const { client, GoneException, PostToConnectionCommand } = await loaded();
      const Data = Buffer.from(JSON.stringify(message));
      try {
        await client.send(new PostToConnectionCommand({ ConnectionId: connectionId, Data }));
        return 'sent';
      } catch (error) {
        if (error instanceof GoneException) return 'gone';
        throw error;
      }
    },
  };
}
