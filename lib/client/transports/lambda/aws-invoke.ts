import { missingPackage, type Invoke, type InvokeAnswer, type LambdaClientLike } from './invoke.js';

export interface AwsInvokeOptions {
  readonly functionName: string;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly client?: LambdaClientLike | undefined;
}

/** Invokes by the AWS SDK, which is loaded at the first request: who uses another transport does not need it. */
export function awsInvoke(options: AwsInvokeOptions): Invoke {
  let loading: Promise<Invoke> | undefined;
  return async (payload, callOptions) => {
    loading ??= load(options);
    const invoke = await loading;
    return invoke(payload, callOptions);
  };
}

async function load(options: AwsInvokeOptions): Promise<Invoke> {
  const sdk = await import('@aws-sdk/client-lambda').catch((error: unknown) => {
    throw missingPackage('@aws-sdk/client-lambda', error);
  });
  const { functionName, region, endpoint } = options;
  const client = (options.client ??
    // One attempt: the transport itself knows what may be sent again.
    new sdk.LambdaClient({
      maxAttempts: 1,
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
    })) as LambdaSender;
  return async (payload, { signal }): Promise<InvokeAnswer> => {
    const command = new sdk.InvokeCommand({ FunctionName: functionName, Payload: payload });
    const answer = await client.send(command, { abortSignal: signal });
    return { payload: answer.Payload ?? new Uint8Array(), functionError: answer.FunctionError };
  };
}

interface LambdaSender {
  send(
    command: unknown,
    options: { readonly abortSignal: AbortSignal },
  ): Promise<{ Payload?: Uint8Array; FunctionError?: string }>;
}
