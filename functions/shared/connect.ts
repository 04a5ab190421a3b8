import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { SessionId, SessionRecord } from '../../lib/core/types.js';
import { isNamespace } from './authority.js';
import { EventError } from './events.js';

/** What connect needs of `Connections`. */
export interface ConnectionRows {
  add(session: SessionId, connectionId: string): Promise<void>;
  remove(connectionId: string): Promise<void>;
}

export interface ConnectWiring {
  readonly connections: (namespace: string) => ConnectionRows;
  /** The session's record at the log's end; `null` when it is not open. */
  readonly session: (namespace: string, session: SessionId) => Promise<SessionRecord | null>;
}

export interface ConnectAnswer {
  readonly statusCode: 200 | 400 | 403;
}

const EVENT = z.object({
  requestContext: z.object({
    routeKey: z.string(),
    connectionId: z.string().min(1),
    stage: z.string().refine(isNamespace),
  }),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().nullish(),
});

const SESSION_LARGEST = 2n ** 63n - 1n;
const HELLO = z.object({
  action: z.literal('attach'),
  session: z
    .string()
    .regex(/^[0-9a-f]{1,16}$/)
    .transform((hex) => BigInt('0x' + hex))
    .refine((session) => session > 0n && session <= SESSION_LARGEST),
  epoch: z.int().min(1),
  password: z.base64(),
});
type Hello = z.infer<typeof HELLO>;

/**
 * The routes of the WebSocket API. A connection is anybody's until it names a session with its password, and gets nothing before:
 * 400 for what is no such message, 403 for a session that is over, moved on, or another's.
 *
 * Each namespace has a stage of the API, of the same name: API Gateway says which one a connection came by, and IAM lets a caller open
 * one and no other.
 */
export function connectHandler(wiring: () => ConnectWiring) {
  return async (event: unknown): Promise<ConnectAnswer> => {
    const parsed = EVENT.safeParse(event);
    if (!parsed.success) throw new EventError('the event is not one of a WebSocket API');
    const { routeKey, connectionId, stage: namespace } = parsed.data.requestContext;
    const { connections, session } = wiring();
    if (routeKey === '$connect') return { statusCode: 200 };
    if (routeKey === '$disconnect') {
      await connections(namespace).remove(connectionId);
      return { statusCode: 200 };
    }
    const hello = HELLO.safeParse(messageOf(parsed.data));
    if (!hello.success) return { statusCode: 400 };
    const record = await session(namespace, hello.data.session);
    if (record === null || !isHolder(record, hello.data)) return { statusCode: 403 };
    await connections(namespace).add(hello.data.session, connectionId);
    return { statusCode: 200 };
  };
}

/** What is not JSON is `undefined`, which is no message that anybody sends. */
function messageOf({ body, isBase64Encoded }: z.infer<typeof EVENT>): unknown {
  if (typeof body !== 'string') return undefined;
  const text = isBase64Encoded === true ? Buffer.from(body, 'base64').toString('utf8') : body;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isHolder(record: SessionRecord, { epoch, password }: Hello): boolean {
  const hash = createHash('sha256').update(Buffer.from(password, 'base64')).digest();
  return record.epoch === epoch && timingSafeEqual(hash, record.passwordHash);
}
