import { once } from '../../lib/base/once.js';
import { clientConfig } from '../../lib/log/dynamo-client.js';

/** Calls another function without waiting for what it does. Rejects when Lambda did not take the call. */
export type InvokeLater = (functionName: string, payload: object) => Promise<void>;

/** The client is loaded with the first call: most instances of most functions never make one, and loading takes its time. */
export function lambdaInvoker(endpoint: string | undefined): InvokeLater {
  const loaded = once(async () => {
    const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
    return {
      InvokeCommand,
      client: new LambdaClient(clientConfig(endpoint === undefined ? {} : { endpoint })),
    };
  });
  return async (functionName, payload) => {
    const { client, InvokeCommand } = await loaded();
    const Payload = Buffer.from(JSON.stringify(payload));
    await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload }));
  };
}
