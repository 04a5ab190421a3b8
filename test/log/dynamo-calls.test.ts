import { createHash, createHmac } from 'node:crypto';
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { DynamoCalls } from '../../lib/log/dynamo-calls.js';
import { storeErrorOf } from '../../lib/log/dynamo-errors.js';

interface Sent {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

type Answer = { readonly status: number; readonly body: unknown } | Error;

const OK: Answer = { status: 200, body: {} };
const SECRET = 'secret';

/** A server that answers one thing after the other, and keeps what it was asked. */
function serverOf(answers: readonly Answer[], isOurs = true) {
  const asked: Sent[] = [];
  const client = new DynamoDBClient({
    region: 'eu-central-1',
    credentials: { accessKeyId: 'AKID', secretAccessKey: SECRET, sessionToken: 'token' },
    maxAttempts: 2,
    requestHandler: {
      handle: (request: Sent) => {
        const answer = answers[asked.length] ?? OK;
        asked.push(request);
        if (answer instanceof Error) return Promise.reject(answer);
        const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
        const body = Buffer.from(text);
        return Promise.resolve({ response: { statusCode: answer.status, headers: {}, body } });
      },
    } as never,
  });
  if (isOurs) DynamoCalls.learnFrom(client);
  return { calls: DynamoCalls.of(client), asked };
}

/** Calls after one by which the pattern is known: its answer is not among `answers`. */
async function afterTheFirst(answers: readonly Answer[]) {
  const server = serverOf([OK, ...answers]);
  await server.calls.getItem({ TableName: 't', Key: { a: { S: 'first' } } });
  return { calls: server.calls, later: () => server.asked.slice(1) };
}

const failure = (status: number, name: string, more: object = {}): Answer => {
  const __type = `com.amazonaws.dynamodb.v20120810#${name}`;
  return { status, body: { __type, message: 'why', ...more } };
};

const errorOf = (call: Promise<unknown>) =>
  call.then(
    () => expect.fail('no error'),
    (error: unknown) => error as Error,
  );

const PUT = {
  TableName: 'zerokeeper-log',
  Item: { ns: { S: 'näme' }, zxid: { N: '7' }, b: { B: Uint8Array.of(0, 1, 255) }, f: { BOOL: true } },
  ConditionExpression: 'attribute_not_exists(#0) AND #1 < :2',
  ExpressionAttributeNames: { '#0': 'ns', '#1': 'v' },
  ExpressionAttributeValues: { ':2': { B: Uint8Array.of(9) } },
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
} as const;

/** Headers that are a request's own in the SDK's, by which it counts its attempts. */
const COUNTING = ['amz-sdk-invocation-id', 'amz-sdk-request'];

function withoutOwn({ headers }: Sent) {
  const own = [...COUNTING, 'authorization', 'x-amz-date', 'x-amz-content-sha256'];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !own.includes(name)));
}

/** Signature Version 4 of a request, by its definition. */
function signatureOf({ method, path, headers, body }: Sent): string {
  const [, signed = ''] = /SignedHeaders=([^,]*)/.exec(headers['authorization'] ?? '') ?? [];
  const [, day = '', region = '', service = ''] =
    /Credential=AKID\/(\d+)\/([^/]+)\/([^/]+)\//.exec(headers['authorization'] ?? '') ?? [];
  const lines = signed.split(';').map((name) => `${name}:${headers[name] ?? ''}\n`);
  const hash = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const canonical = [method, path, '', lines.join(''), signed, hash(body as string)].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash(canonical)].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${SECRET}`);
  return hmac(key, toSign).toString('hex');
}

describe('calls that are cut to the pattern of the SDK', () => {
  it('ask the same of the same host as the SDK does, signed', async () => {
    const bySdk = serverOf([OK]);
    await bySdk.calls.putItem(PUT);
    const { calls, later } = await afterTheFirst([]);
    await calls.putItem(PUT);

    const [expected] = bySdk.asked;
    const [sent] = later();
    expect(later()).toHaveLength(1);
    expect(COUNTING.some((name) => name in sent!.headers)).toBe(false);
    expect(withoutOwn(sent!)).toEqual({
      ...withoutOwn(expected!),
      'content-length': String(Buffer.byteLength(sent!.body as string)),
    });
    for (const part of ['method', 'protocol', 'hostname', 'path'] as const)
      expect(sent![part]).toBe(expected![part]);
    expect(JSON.parse(sent!.body as string)).toEqual(
      JSON.parse(Buffer.from(expected!.body as Uint8Array).toString()),
    );
    expect(sent!.headers['x-amz-security-token']).toBe('token');
    expect(sent!.headers['authorization']).toMatch(
      /Credential=AKID\/\d{8}\/eu-central-1\/dynamodb\/aws4_request/,
    );
    expect(sent!.headers['authorization']).toContain(`Signature=${signatureOf(sent!)}`);
  });

  it('give back values as the SDK does, bytes as bytes', async () => {
    const item = { ns: { S: 'x' }, zxid: { N: '1' }, b: { B: Buffer.from([1, 2]).toString('base64') } };
    const answer = { status: 200, body: { Items: [item, item], Count: 2, LastEvaluatedKey: item } };
    const query = { TableName: 't', KeyConditionExpression: 'x' };
    const bySdk = await serverOf([answer]).calls.query(query);
    const { calls } = await afterTheFirst([answer]);
    const { $metadata, ...expected } = bySdk;
    expect($metadata.httpStatusCode).toBe(200);
    expect(await calls.query(query)).toEqual(expected);
    expect(expected.Items?.[1]?.['b']?.B).toEqual(Uint8Array.of(1, 2));
  });

  it('tell a failed condition with the item that stands there', async () => {
    const Item = { ns: { S: 'x' }, b: { B: 'AQI=' } };
    const { calls, later } = await afterTheFirst([failure(400, 'ConditionalCheckFailedException', { Item })]);
    const error = await errorOf(calls.putItem(PUT));
    expect(error).toBeInstanceOf(ConditionalCheckFailedException);
    expect(error).toHaveProperty('Item', {
      ns: { S: 'x' },
      b: { B: Uint8Array.of(1, 2) },
    });
    expect(later()).toHaveLength(1);
  });

  it('tell that they were throttled at once, and that it is certain', async () => {
    const { calls, later } = await afterTheFirst([failure(400, 'ProvisionedThroughputExceededException')]);
    expect(storeErrorOf(await errorOf(calls.putItem(PUT)), 'put')).toMatchObject({ code: 'Throttled' });
    expect(later()).toHaveLength(1);
  });

  it('are not certain of having been throttled when an attempt before may have been carried out', async () => {
    const lost = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    for (const first of [lost, failure(500, 'InternalServerError')]) {
      const { calls, later } = await afterTheFirst([first, failure(400, 'ThrottlingException')]);
      expect(storeErrorOf(await errorOf(calls.putItem(PUT)), 'put')).toMatchObject({ code: 'Unavailable' });
      expect(later()).toHaveLength(2);
    }
  });

  it('are repeated when the connection or the server failed, as often as the client would', async () => {
    const lost = Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    const again = await afterTheFirst([
      lost,
      { status: 200, body: { ConsumedCapacity: { CapacityUnits: 2 } } },
    ]);
    expect(await again.calls.putItem(PUT)).toEqual({ ConsumedCapacity: { CapacityUnits: 2 } });

    const gone = await afterTheFirst([lost, lost]);
    expect(await errorOf(gone.calls.putItem(PUT))).toBe(lost);
    expect(storeErrorOf(lost, 'put')).toMatchObject({ code: 'Unavailable' });

    const broken = await afterTheFirst([failure(503, 'ServiceUnavailable'), { status: 502, body: '<html>' }]);
    expect(storeErrorOf(await errorOf(broken.calls.putItem(PUT)), 'put')).toMatchObject({
      code: 'Unavailable',
    });
    expect(broken.later()).toHaveLength(2);
  });

  it('leave what else is refused to the client, and learn from it anew', async () => {
    const { calls, later } = await afterTheFirst([failure(400, 'ExpiredTokenException'), OK, OK]);
    await calls.putItem(PUT);
    await calls.putItem(PUT);
    const counted = later().map(({ headers }) => 'amz-sdk-invocation-id' in headers);
    expect(counted).toEqual([false, true, false]);
  });

  it('throw what the client throws then', async () => {
    const missing = failure(400, 'ResourceNotFoundException');
    const { calls } = await afterTheFirst([missing, missing]);
    expect(await errorOf(calls.putItem(PUT))).toMatchObject({ name: 'ResourceNotFoundException' });
  });

  it('are not made with a client that an application has brought', async () => {
    const { calls, asked } = serverOf([], false);
    for (let count = 0; count < 3; count++) await calls.putItem(PUT);
    expect(asked.map(({ headers }) => 'amz-sdk-invocation-id' in headers)).toEqual([true, true, true]);
  });

  it('learn nothing from a request that was refused', async () => {
    const { calls, asked } = serverOf([failure(400, 'ConditionalCheckFailedException'), OK, OK]);
    await errorOf(calls.putItem(PUT));
    await calls.putItem(PUT);
    await calls.putItem(PUT);
    expect(asked.map(({ headers }) => 'amz-sdk-invocation-id' in headers)).toEqual([true, true, false]);
  });
});
