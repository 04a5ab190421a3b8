import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type {
  DeleteItemCommandInput,
  DeleteItemCommandOutput,
  DynamoDBClient,
  GetItemCommandInput,
  GetItemCommandOutput,
  PutItemCommandInput,
  PutItemCommandOutput,
  QueryCommandInput,
  QueryCommandOutput,
  UpdateItemCommandInput,
  UpdateItemCommandOutput,
} from '@aws-sdk/client-dynamodb';
import { systemClock } from '../base/clock.js';
import { NOT_NOW_NAMES, type SdkError } from './dynamo-errors.js';
import type { DynamoItem } from './dynamo-expressions.js';

/** An input or output as the SDK's command for an operation has it. */
type Parts = Readonly<Record<string, unknown>>;

/** What is used of the SDK's requests. */
interface HttpRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: object;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface Handler {
  handle(
    request: HttpRequest,
    options?: object,
  ): Promise<{ readonly response: { readonly statusCode: number; readonly body?: unknown } }>;
}

interface Signer {
  sign(request: HttpRequest, options: { readonly signingDate: Date }): Promise<HttpRequest>;
}

interface Answer {
  readonly statusCode: number;
  readonly text: string;
}

/** How the SDK's requests look, without what is each one's own. */
interface Pattern {
  readonly request: HttpRequest;
  readonly signer: Signer;
  readonly attemptsMax: number;
}

const TARGET = 'x-amz-target';
const TARGET_PREFIX = 'DynamoDB_20120810.';

/** What is a request's own, or comes with its signature. */
const OF_ONE_REQUEST: ReadonlySet<string> = new Set([
  TARGET,
  'content-length',
  'authorization',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
]);

/** The parts of inputs and outputs that hold values of attributes. */
const VALUES = ['Item', 'Key', 'ExpressionAttributeValues', 'ExclusiveStartKey', 'LastEvaluatedKey'];

/**
 * DynamoDB's operations on items through the SDK's client, at about half of its processor time: the client makes the first request, and
 * those after it are cut to its pattern. Endpoint, credentials, signature, connections, time limits and the number of attempts are the
 * client's. What is left out is its chain of middleware, which was the largest part of what a batch of writes took of a gateway's processor.
 *
 * Results, failed conditions, throttling and failures of the server are told as the client tells them. Whatever else is refused
 * (credentials that have expired, a clock that is wrong, a table that is not there) is left to the client, which may know a remedy.
 */
export class DynamoCalls {
  static readonly #ofClients = new WeakMap<DynamoDBClient, DynamoCalls>();
  readonly #client: DynamoDBClient;
  readonly #handler: Handler;
  #pattern: Pattern | undefined;

  private constructor(client: DynamoDBClient) {
    this.#client = client;
    this.#handler = client.config.requestHandler;
  }

  /**
   * From now on requests of this client are patterns for others. Only for clients that have no middleware but the SDK's: an application
   * that brings its own client may have put some into it, and relies on it.
   */
  static learnFrom(client: DynamoDBClient): void {
    const calls = new DynamoCalls(client);
    calls.#learnFromAll();
    DynamoCalls.#ofClients.set(client, calls);
  }

  /** Those of a client; all who use it share its pattern. */
  static of(client: DynamoDBClient): DynamoCalls {
    return DynamoCalls.#ofClients.get(client) ?? new DynamoCalls(client);
  }

  #learnFromAll(): void {
    const handle = this.#handler.handle.bind(this.#handler);
    this.#handler.handle = async (request, options) => {
      const outcome = await handle(request, options);
      // Only what was taken is a pattern.
      if (this.#pattern === undefined && outcome.response.statusCode === 200) await this.#learn(request);
      return outcome;
    };
  }

  getItem(input: GetItemCommandInput): Promise<GetItemCommandOutput> {
    return this.#call('GetItem', input, () => this.#client.send(new GetItemCommand(input)));
  }

  putItem(input: PutItemCommandInput): Promise<PutItemCommandOutput> {
    return this.#call('PutItem', input, () => this.#client.send(new PutItemCommand(input)));
  }

  updateItem(input: UpdateItemCommandInput): Promise<UpdateItemCommandOutput> {
    return this.#call('UpdateItem', input, () => this.#client.send(new UpdateItemCommand(input)));
  }

  deleteItem(input: DeleteItemCommandInput): Promise<DeleteItemCommandOutput> {
    return this.#call('DeleteItem', input, () => this.#client.send(new DeleteItemCommand(input)));
  }

  query(input: QueryCommandInput): Promise<QueryCommandOutput> {
    return this.#call('Query', input, () => this.#client.send(new QueryCommand(input)));
  }

  /** A call that may have reached the table and failed is repeated, as often as the client would. */
  async #call<Output extends object>(
    operation: string,
    input: object,
    bySdk: () => Promise<Output>,
  ): Promise<Output> {
    const pattern = this.#pattern;
    if (pattern === undefined) return await bySdk();
    const body = JSON.stringify(withValues(input as Parts, encoded));
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= pattern.attemptsMax;
      const answer = await this.#ask(pattern, operation, body).catch((error: unknown) => {
        if (isLast) throw error;
        return undefined;
      });
      if (answer === undefined) continue;
      if (answer.statusCode === 200) return withValues(JSON.parse(answer.text) as Parts, decoded) as Output;
      const error = errorOf(answer, attempt);
      const isOfServer = answer.statusCode >= 500;
      if (isOfServer && !isLast) continue;
      if (isOfServer || NOT_NOW_NAMES.has(error.name) || error instanceof ConditionalCheckFailedException)
        throw error;
      this.#pattern = undefined;
      return await bySdk();
    }
  }

  async #ask({ request, signer }: Pattern, operation: string, body: string): Promise<Answer> {
    const { systemClockOffset, streamCollector } = this.#client.config;
    const headers = {
      ...request.headers,
      [TARGET]: TARGET_PREFIX + operation,
      'content-length': String(Buffer.byteLength(body)),
    };
    const signed = await signer.sign(
      { ...request, headers, body },
      { signingDate: new Date(systemClock.now() + systemClockOffset) },
    );
    const { response } = await this.#handler.handle(signed);
    const bytes = response.body instanceof Uint8Array ? response.body : await streamCollector(response.body);
    const text = Buffer.from(bytes).toString('utf8');
    return { statusCode: response.statusCode, text };
  }

  async #learn(request: HttpRequest): Promise<void> {
    const scope = /Credential=[^/]*\/\d+\/([^/]+)\/([^/]+)\//.exec(request.headers['authorization'] ?? '');
    if (scope === null) return;
    const [, signingRegion = '', signingName = ''] = scope;
    const { config } = this.#client;
    const headers = Object.entries(request.headers).filter(([name]) => !OF_ONE_REQUEST.has(name));
    this.#pattern = {
      request: { ...request, headers: Object.fromEntries(headers), body: undefined },
      signer: await config.signer({ name: 'sigv4', signingRegion, signingName, properties: {} }),
      attemptsMax: await config.maxAttempts(),
    };
  }
}

/** The same with all attributes' values put into another form. */
function withValues(parts: Parts, inForm: (values: DynamoItem) => object): object {
  const changed: Record<string, unknown> = { ...parts };
  for (const part of VALUES) {
    if (changed[part] !== undefined) changed[part] = inForm(changed[part] as DynamoItem);
  }
  if (parts['Items'] !== undefined) changed['Items'] = (parts['Items'] as DynamoItem[]).map(inForm);
  return changed;
}

/** JSON has no bytes. */
function encoded(values: DynamoItem): object {
  const sent: Record<string, unknown> = {};
  for (const name in values) {
    const value = values[name];
    sent[name] = value?.B === undefined ? value : { B: base64Of(value.B) };
  }
  return sent;
}

function decoded(values: DynamoItem): DynamoItem {
  const received: DynamoItem = {};
  for (const name in values) {
    const value = values[name] as DynamoItem[string] | { readonly B: string };
    received[name] = typeof value.B === 'string' ? { B: bytesOf(value.B) } : value;
  }
  return received;
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** In memory of their own, so that a few bytes do not keep all that was read. */
function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

/** What was answered in place of a result, as the SDK names it. */
function errorOf({ statusCode, text }: Answer, attempts: number): SdkError {
  const $metadata = { httpStatusCode: statusCode, attempts };
  const { __type = '', message, Message, Item } = parsed(text);
  const name = textOf(__type).replace(/^.*#/, '');
  const told = textOf(message ?? Message ?? `status ${statusCode}`);
  if (name === 'ConditionalCheckFailedException') {
    return new ConditionalCheckFailedException({
      $metadata,
      message: told,
      ...(Item !== undefined && { Item: decoded(Item as DynamoItem) }),
    });
  }
  return Object.assign(new Error(told), { name, $metadata });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Not everything that answers in DynamoDB's place does so in JSON. */
function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
