import {
  ApiGatewayManagementApiClient,
  GoneException,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import type { Pusher } from '../../lib/api/watches/types.js';
import { clientConfig } from '../../lib/log/dynamo-client.js';

/** Pushes through API Gateway: `https://ID.execute-api.REGION.amazonaws.com/STAGE`. */
export function managementPusher(endpoint: string): Pusher {
  const client = new ApiGatewayManagementApiClient(clientConfig({ endpoint }));
  return {
    async push(connectionId, message) {
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
