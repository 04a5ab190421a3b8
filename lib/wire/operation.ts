import type { JuteReader } from './reader.js';
import type { JuteWriter } from './writer.js';

/**
 * How one operation looks on the wire, in both directions: a server reads requests and writes responses, a client the
 * other way round. The bodies only; headers are in header.ts.
 */
export interface Operation<Request, Response> {
  readonly name: string;
  readonly code: number;
  /** Throws a WireError when the bytes are not this request. */
  readRequest(reader: JuteReader): Request;
  writeRequest(writer: JuteWriter, request: Request): void;
  /** Throws a WireError when the bytes are not this response. */
  readResponse(reader: JuteReader): Response;
  writeResponse(writer: JuteWriter, response: Response): void;
}

/** A body without fields. */
export type Empty = Readonly<Record<string, never>>;

export const EMPTY: Empty = Object.freeze({});

export function readEmpty(): Empty {
  return EMPTY;
}

export function writeEmpty(): void {
  // A body without fields has no bytes.
}
