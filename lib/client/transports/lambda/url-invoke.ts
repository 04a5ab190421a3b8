import { InvokeFailure, type Invoke } from './invoke.js';
import type { Signer } from './signing.js';

/** Invokes by a function URL with IAM authorization: the function learns who its caller is, which Invoke does not tell it. */
export function urlInvoke(url: string, signer: Signer): Invoke {
  return async (payload, { signal }) => {
    const { url: target, ...request } = await sign(signer, url, payload);
    const response = await fetch(target, { ...request, body: Buffer.from(request.body), signal });
    if (response.ok) return { payload: new Uint8Array(await response.arrayBuffer()) };
    throw new FunctionUrlError(response.status, await response.text());
  };
}

/** Nothing was sent yet: whatever goes wrong here, the function has not run. */
async function sign(signer: Signer, url: string, payload: Uint8Array): ReturnType<Signer['post']> {
  try {
    return await signer.post(url, payload);
  } catch (error) {
    const isMissing = (error as Error).name === 'CredentialsProviderError';
    throw new InvokeFailure(error, { retriable: !isMissing, ambiguous: false });
  }
}

const TEXT_SHOWN_MAX = 300;

/** The function URL answered with an HTTP status that is no success, in the shape in which errors of the AWS SDK are judged. */
class FunctionUrlError extends Error {
  override readonly name = 'FunctionUrlError';
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(status: number, body: string) {
    super(`the function URL answered ${status}: ${body.slice(0, TEXT_SHOWN_MAX)}`);
    this.$metadata = { httpStatusCode: status };
  }
}
