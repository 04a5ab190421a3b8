import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { clientConfig } from '../../lib/log/dynamo-client.js';

/** Calls another function without waiting for what it does. Rejects when Lambda did not take the call. */
export type InvokeLater = (functionName: string, payload: object) => Promise<void>;

export function lambdaInvoker(endpoint: string | undefined): InvokeLater {
  const client = new LambdaClient(clientConfig(endpoint === undefined ? {} : { endpoint }));
  return async (functionName, payload) => {
    const Payload = Buffer.from(JSON.stringify(payload));
    await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload }));
  };
}
