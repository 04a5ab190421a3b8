import { ErrorCode } from '../core/errors.js';
import { MarshallingError } from './errors.js';
import type { TransportAnswer, TransportResult } from './transport.js';

/** The result, which must be of this kind: anything else is a server that contradicts itself. */
export function expectResult<Kind extends TransportResult['kind']>(
  answer: TransportAnswer,
  kind: Kind,
): TransportResult & { readonly kind: Kind } {
  if (answer.result.kind === kind) return answer.result as TransportResult & { readonly kind: Kind };
  const message = `the answer to ${kind} is one to ${answer.result.kind}`;
  throw new MarshallingError({ code: ErrorCode.MarshallingError, message, maybeApplied: true });
}
