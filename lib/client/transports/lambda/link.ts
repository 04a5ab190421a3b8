import type { Clock } from '../../../base/clock.js';
import { THIN_PROTOCOL_VERSION, type ThinAnswer, type ThinRequest } from '../../../wire/thin-protocol.js';
import { classify, InvokeFailure, type Invoke } from './invoke.js';

type WithoutEnvelope<Request> = Request extends unknown ? Omit<Request, 'v' | 'namespace'> : never;
/** A request without what is the same in all of them. */
export type LinkRequest = WithoutEnvelope<ThinRequest>;
export type Refusal = Extract<ThinAnswer, { type: 'error' }>;

export interface LinkOptions {
  readonly invoke: Invoke;
  readonly namespace: string | undefined;
  readonly invokeTimeoutMs: number;
  readonly clock: Clock;
}

/** One request to the function, once: JSON both ways, bounded in time. */
export class Link {
  readonly #options: LinkOptions;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  encode(request: LinkRequest): Uint8Array {
    const { namespace } = this.#options;
    const envelope = { v: THIN_PROTOCOL_VERSION, ...(namespace === undefined ? {} : { namespace }) };
    return new TextEncoder().encode(JSON.stringify({ ...envelope, ...request }));
  }

  /** Rejects with InvokeFailure when no answer came. */
  async send(payload: Uint8Array, signal: AbortSignal): Promise<ThinAnswer> {
    const { clock, invoke, invokeTimeoutMs } = this.#options;
    const end = new AbortController();
    const unlink = abortWith(signal, end);
    const cancel = clock.after(invokeTimeoutMs, () =>
      end.abort(new Error(`no answer in ${invokeTimeoutMs} ms`)),
    );
    try {
      const answer = await abandonable(invoke(payload, { signal: end.signal }), end.signal);
      if (answer.functionError !== undefined) throw functionFailed(answer.functionError, answer.payload);
      return parse(answer.payload);
    } catch (error) {
      throw classify(error);
    } finally {
      cancel();
      unlink();
    }
  }
}

/**
 * Aborts `controller` when `signal` does, until the function that it returns is called. In place of `AbortSignal.any`, which in
 * Node.js 20 leaves something at a signal that lives long for every one that is made of it.
 */
export function abortWith(signal: AbortSignal, controller: AbortController): () => void {
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  return () => signal.removeEventListener('abort', onAbort);
}

/** Ends with the signal, also when what carries the request does not look at it. */
async function abandonable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function functionFailed(kind: string, payload: Uint8Array): InvokeFailure {
  const error = new Error(
    `the function failed (${kind}): ${new TextDecoder().decode(payload).slice(0, 500)}`,
  );
  return new InvokeFailure(error, { retriable: true, ambiguous: true });
}

function parse(payload: Uint8Array): ThinAnswer {
  const answer = JSON.parse(new TextDecoder().decode(payload)) as ThinAnswer;
  if ((answer.v as number) !== THIN_PROTOCOL_VERSION) {
    const error = new Error(`the function speaks another version of the protocol: ${String(answer.v)}`);
    throw new InvokeFailure(error, { retriable: false, ambiguous: true });
  }
  return answer;
}
