import type { IncomingMessage, ServerResponse } from 'node:http';

/** Bytes of a body that is too long that are read for the sake of the answer; then the connection is cut. */
const DRAINED_BYTES_MAX = 64 * 1024 * 1024;

/** A request's body is longer than is taken. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

/**
 * Reads a body of bounded length. Throws {@link BodyTooLargeError} beyond it; what follows is read and dropped, so that the answer
 * reaches a client that is still sending.
 */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= bytesMax) chunks.push(chunk);
    else chunks.length = 0;
    if (bytes > DRAINED_BYTES_MAX) break;
  }
  if (bytes > bytesMax) throw new BodyTooLargeError(`the body is longer than ${bytesMax} bytes`);
  return Buffer.concat(chunks);
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
