import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerJson, BodyTooLargeError, readBody } from '../http.js';
import { LambdaError } from './errors.js';
import type { FunctionErrorBody } from './messages.js';
import {
  ASYNC_PAYLOAD_BYTES_MAX,
  type Invocation,
  type InvocationAnswer,
  type InvocationType,
  type LambdaService,
  SYNC_PAYLOAD_BYTES_MAX,
  tooLarge,
} from './service.js';

/** What of Lambda the API needs: the emulator's own, or one that runs functions in the same thread. */
export type Invoker = Pick<LambdaService, 'invoke'>;

const INVOKE_PATH = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;
const STATUS: Readonly<Record<InvocationType, number>> = { RequestResponse: 200, Event: 202, DryRun: 204 };

/** Serves Lambda's Invoke. False when the request is for something else. */
export async function serveInvoke(
  invoker: Invoker,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const url = new URL(request.url ?? '/', 'http://emulator');
  const [, functionName] = INVOKE_PATH.exec(url.pathname) ?? [];
  if (functionName === undefined || request.method !== 'POST') return false;
  try {
    const type = invocationType(request);
    const payload = await payloadOf(request, type);
    const qualifier = url.searchParams.get('Qualifier') ?? undefined;
    const invocation: Invocation = {
      functionName: decodeURIComponent(functionName),
      qualifier,
      type,
      payload,
    };
    answer(response, STATUS[type], await invoker.invoke(invocation));
  } catch (error) {
    refuse(response, error);
  }
  return true;
}

function invocationType(request: IncomingMessage): InvocationType {
  const type = request.headers['x-amz-invocation-type'] ?? 'RequestResponse';
  if (type === 'RequestResponse' || type === 'Event' || type === 'DryRun') return type;
  throw new LambdaError('InvalidParameterValueException', `${String(type)} is no type of invocation`);
}

async function payloadOf(request: IncomingMessage, type: InvocationType): Promise<string> {
  const bytesMax = type === 'Event' ? ASYNC_PAYLOAD_BYTES_MAX : SYNC_PAYLOAD_BYTES_MAX;
  try {
    return (await readBody(request, bytesMax)).toString();
  } catch (error) {
    throw error instanceof BodyTooLargeError ? tooLarge(bytesMax) : error;
  }
}

function answer(response: ServerResponse, status: number, result: InvocationAnswer): void {
  const { requestId, executedVersion, outcome } = result;
  response.setHeader('x-amzn-RequestId', requestId);
  response.setHeader('X-Amz-Executed-Version', executedVersion);
  if (outcome === undefined) {
    response.writeHead(status).end();
    return;
  }
  if (!outcome.ok) response.setHeader('X-Amz-Function-Error', 'Unhandled');
  const text = outcome.ok ? outcome.payload : JSON.stringify(outcome.error satisfies FunctionErrorBody);
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(text);
}

/** As Lambda words it: the SDK makes its error of the header's name. */
function refuse(response: ServerResponse, error: unknown): void {
  const known =
    error instanceof LambdaError ? error : new LambdaError('ServiceException', (error as Error).message);
  response.setHeader('x-amzn-ErrorType', known.code);
  const type = known.status < 500 ? 'User' : 'Service';
  const message = { Message: known.message, message: known.message };
  answerJson(response, known.status, { Type: type, ...known.details, ...message });
}
