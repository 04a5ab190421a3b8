import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerJson, BodyTooLargeError, readBody } from '../http.js';
import { MESSAGE_BYTES_MAX, type WebSocketApi } from './api.js';
import type { WebSocketConnection } from './connections.js';

/** A connection is found at its own stage only. */
const CONNECTION_PATH = /^\/([^/]+)\/@connections\/([^/]+)$/;

/** Serves API Gateway's management API: POST, GET and DELETE of a connection. False when the request is for something else. */
export async function serveConnections(
  api: WebSocketApi,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const path = decodeURIComponent(new URL(request.url ?? '/', 'http://emulator').pathname);
  const [, stage, connectionId] = CONNECTION_PATH.exec(path) ?? [];
  if (connectionId === undefined) return false;
  const connection = api.get(connectionId);
  if (connection === undefined || connection.info.stage !== stage) {
    refuse(response, { status: 410, code: 'GoneException' });
  } else if (request.method === 'POST') await post(connection, request, response);
  else if (request.method === 'GET') answerJson(response, 200, describe(connection));
  else if (request.method === 'DELETE') {
    connection.close('');
    response.writeHead(204).end();
  } else refuse(response, { status: 405, code: 'MethodNotAllowedException' });
  return true;
}

async function post(
  connection: WebSocketConnection,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const body = await readBody(request, MESSAGE_BYTES_MAX);
    await connection.send(body.toString());
    response.writeHead(200).end();
  } catch (error) {
    if (error instanceof BodyTooLargeError) {
      refuse(response, { status: 413, code: 'PayloadTooLargeException' });
    } else refuse(response, { status: 410, code: 'GoneException' });
  }
}

function describe({ info, lastActiveAtMs }: WebSocketConnection) {
  return {
    connectedAt: new Date(info.connectedAtMs).toISOString(),
    lastActiveAt: new Date(lastActiveAtMs).toISOString(),
    identity: { sourceIp: info.sourceIp, userAgent: info.userAgent },
  };
}

function refuse(response: ServerResponse, { status, code }: { status: number; code: string }): void {
  response.setHeader('x-amzn-ErrorType', code);
  answerJson(response, status, { message: code });
}
