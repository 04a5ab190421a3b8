import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { LambdaClientLike } from '../../client/transports/lambda/invoke.js';
import { clientConfig } from '../../log/dynamo-client.js';

/**
 * The AWS SDK's `LambdaClient` for an emulator on this machine, loaded at the first request: most tests need none. One attempt a
 * request, as the transport asks for.
 */
export function localLambdaClient(endpoint: string): LambdaClientLike {
  let loading: Promise<LambdaClient> | undefined;
  return {
    async send(command, options): Promise<unknown> {
      loading ??= load(endpoint);
      return (await loading).send(command, options);
    },
  };
}

async function load(endpoint: string): Promise<LambdaClient> {
  const sdk = await import('@aws-sdk/client-lambda');
  return new sdk.LambdaClient(clientConfig({ endpoint, attemptsMax: 1, requestTimeoutMs: 30_000 }));
}
