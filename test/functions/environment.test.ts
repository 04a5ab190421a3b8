import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  EnvironmentError,
  functionEnvironment,
  readEnvironment,
  watchEnvironment,
} from '../../functions/shared/environment.js';
import { watchWiringFromEnvironment } from '../../functions/shared/watch-wiring.js';
import { wiringFromEnvironment } from '../../functions/shared/wiring.js';

/** What the reading of an environment throws. */
function errorOf(read: () => unknown): EnvironmentError {
  try {
    read();
  } catch (error) {
    if (error instanceof EnvironmentError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const NAMES = 'names of namespaces (1 to 64 letters, digits, "_", "." and "-"), separated by commas';
const URL_WANTED = 'a URL that begins with http:// or https://';

describe("a function's environment", () => {
  afterEach(() => vi.unstubAllEnvs());

  it.each(['api', 'materialize', 'notify', 'expire', 'connect'])('keeps %s from starting', async (name) => {
    vi.stubEnv('ZEROKEEPER_TABLE_PREFIX', 'a/b');
    await expect(import(`../../functions/${name}.ts`)).rejects.toThrow(/^ZEROKEEPER_TABLE_PREFIX has to be /);
  });

  it('may be empty', () => {
    expect(readEnvironment(functionEnvironment, {})).toMatchObject({
      ZEROKEEPER_TABLE_PREFIX: 'zerokeeper',
      ZEROKEEPER_NAMESPACES: ['default'],
      ZEROKEEPER_ENFORCE_QUOTA: 'false',
    });
    expect(wiringFromEnvironment({})).toBeTypeOf('function');
    expect(watchWiringFromEnvironment({})).toBeTypeOf('function');
  });

  it('is read as it is written', () => {
    const read = readEnvironment(functionEnvironment, {
      ...{ ZEROKEEPER_NAMESPACES: 'a, b', ZEROKEEPER_MATERIALIZE_PARALLEL: '2' },
      ...{ ZEROKEEPER_LOG_RETENTION_DAYS: 'a=7,b=30', ZEROKEEPER_NAMESPACE_IN_PAYLOAD: 'allow' },
      ZEROKEEPER_NOTIFY_FUNCTION: 'arn:aws:lambda:eu-west-1:123456789012:function:zerokeeper-notify',
    });
    expect(read).toMatchObject({ ZEROKEEPER_NAMESPACES: ['a', 'b'], ZEROKEEPER_MATERIALIZE_PARALLEL: 2 });
    const retention = read.ZEROKEEPER_LOG_RETENTION_DAYS;
    expect(['a', 'b', 'c'].map(retention)).toEqual([7 * 86_400_000, 30 * 86_400_000, undefined]);
  });

  it.each([
    ['ZEROKEEPER_TABLE_PREFIX', 'a/b', '1 to 248 letters, digits, "_", "." and "-"'],
    ['ZEROKEEPER_TABLE_PREFIX', '', '1 to 248 letters, digits, "_", "." and "-"'],
    ['ZEROKEEPER_NAMESPACES', 'a,,b', NAMES],
    ['ZEROKEEPER_NAMESPACES', 'a#b', NAMES],
    ['ZEROKEEPER_NAMESPACE', 'a b', 'the name of a namespace: 1 to 64 letters, digits, "_", "." and "-"'],
    ['ZEROKEEPER_NAMESPACE_IN_PAYLOAD', 'true', '"allow" or not set'],
    ['ZEROKEEPER_TIMER_QUEUE_URL', 'zerokeeper-timers', URL_WANTED],
    ['ZEROKEEPER_NOTIFY_FUNCTION', 'my function', 'the name or ARN of a function'],
    ['ZEROKEEPER_MATERIALIZE_FUNCTION', '', 'the name or ARN of a function'],
    ['ZEROKEEPER_ENFORCE_QUOTA', 'True', '"true" or "false"'],
    ['ZEROKEEPER_MATERIALIZE_PARALLEL', '0', 'a whole number from 1 to 32'],
    ['ZEROKEEPER_MATERIALIZE_PARALLEL', '33', 'a whole number from 1 to 32'],
    ['ZEROKEEPER_MATERIALIZE_PARALLEL', '2.5', 'a whole number from 1 to 32'],
    ['AWS_ENDPOINT_URL', 'localhost:8000', URL_WANTED],
    ['AWS_ENDPOINT_URL_DYNAMODB', '127.0.0.1', URL_WANTED],
    ['AWS_ENDPOINT_URL_SQS', 'ftp://127.0.0.1', URL_WANTED],
  ])('is refused before the first call with %s=%j', (variable, value, expected) => {
    const error = errorOf(() => wiringFromEnvironment({ [variable]: value }));
    expect(error.problems).toEqual([{ variable, value: JSON.stringify(value), expected }]);
    expect(error.message).toBe(`${variable} has to be ${expected}, and is ${JSON.stringify(value)}`);
  });

  it.each(['=30', 'a=', 'a=7=8', 'a=7,a=9', '7,a=9', 'a b=7', '6', '7.5', '-7', '1e9', '99999999', 'a=7,'])(
    'is refused with ZEROKEEPER_LOG_RETENTION_DAYS=%j',
    (value) => {
      const { problems } = errorOf(() => wiringFromEnvironment({ ZEROKEEPER_LOG_RETENTION_DAYS: value }));
      const expected = expect.stringMatching(
        /^whole days, 7 at least and 36500 at most, as 30 or /,
      ) as string;
      expect(problems).toEqual([
        { variable: 'ZEROKEEPER_LOG_RETENTION_DAYS', value: JSON.stringify(value), expected },
      ]);
    },
  );

  it.each([
    ['ZEROKEEPER_NAMESPACES', ' ', NAMES],
    ['ZEROKEEPER_PUSH_ENDPOINT', 'example.com', URL_WANTED],
    ['AWS_ENDPOINT_URL', '', URL_WANTED],
  ])('of notify and connect is refused with %s=%j', (variable, value, expected) => {
    const { problems } = errorOf(() => watchWiringFromEnvironment({ [variable]: value }));
    expect(problems).toEqual([{ variable, value: JSON.stringify(value), expected }]);
  });

  it('is refused with everything that is wrong, and without what is long', () => {
    const { problems } = errorOf(() =>
      readEnvironment(watchEnvironment, {
        ...{ ZEROKEEPER_TABLE_PREFIX: 'x'.repeat(249), ZEROKEEPER_PUSH_ENDPOINT: 'no' },
        UNKNOWN: 'is not looked at',
      }),
    );
    expect(problems.map(({ variable }) => variable)).toEqual([
      'ZEROKEEPER_TABLE_PREFIX',
      'ZEROKEEPER_PUSH_ENDPOINT',
    ]);
    expect(problems[0]?.value).toBe(`"${'x'.repeat(100)}"`);
  });
});
