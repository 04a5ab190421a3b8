import type { ThinCaller } from '../../lib/api/caller.js';
import type { AuthId } from '../../lib/core/types.js';
import type { ThinAnswer } from '../../lib/wire/thin-protocol.js';
import { namespaceOfCall, type NamespaceAuthority } from './authority.js';
import type { InvocationContext } from './namespaces.js';

export interface ApiWiring {
  readonly authority: NamespaceAuthority;
  /** Answers for a namespace, with a keeper that is kept warm. */
  readonly answer: (request: unknown, caller: ThinCaller) => Promise<ThinAnswer>;
  /** Called when an invocation ends, however it ends. */
  readonly flush: () => void;
}

/** Time for an invocation whose context names none, ms. */
export const API_TIME_DEFAULT_MS = 10_000;

/**
 * Who may invoke the function holds a permission of IAM, and Lambda does not say who it is: all such callers are one
 * trusted principal, whom access control lists do not bind.
 */
const TRUSTED: readonly AuthId[] = [{ scheme: 'super', id: '' }];

/** What a function URL hands over, as far as it is read. */
interface UrlEvent {
  readonly requestContext: {
    readonly http: object;
    readonly authorizer?: { readonly iam?: { readonly userArn?: string } };
  };
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

export interface UrlResponse {
  readonly statusCode: 200;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The protocol of thin clients over Invoke, and over a function URL. */
export function apiHandler(wiring: () => ApiWiring) {
  return async (event: unknown, context?: InvocationContext): Promise<ThinAnswer | UrlResponse> => {
    const { authority, answer, flush } = wiring();
    const url = isUrlEvent(event) ? event : undefined;
    const request = url === undefined ? event : requestOf(url);
    const caller: ThinCaller = {
      requestId: context?.awsRequestId ?? '',
      namespace: namespaceOfCall(context, request, authority),
      authIds: url === undefined ? TRUSTED : idsOf(url),
      remainingMs: () => context?.getRemainingTimeInMillis() ?? API_TIME_DEFAULT_MS,
    };
    try {
      const answered = await answer(request, caller);
      return url === undefined ? answered : response(answered);
    } finally {
      flush();
    }
  };
}

function isUrlEvent(event: unknown): event is UrlEvent {
  const context = (event as { readonly requestContext?: { readonly http?: unknown } } | null)?.requestContext;
  return typeof context?.http === 'object' && context.http !== null;
}

/** What is not JSON is handed on as it is, for the service to refuse. */
function requestOf({ body = '', isBase64Encoded = false }: UrlEvent): unknown {
  const text = isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A function URL with IAM vouches for its caller; one without knows nobody. */
function idsOf({ requestContext }: UrlEvent): readonly AuthId[] {
  const arn = requestContext.authorizer?.iam?.userArn;
  return arn === undefined ? [] : [{ scheme: 'iam', id: arn }];
}

function response(answer: ThinAnswer): UrlResponse {
  return { statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(answer) };
}
