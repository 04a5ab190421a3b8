/** What tells scripts whether a deployment is well: exit codes, and one JSON object a line. */
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { CliIo } from '../../lib/cli/command.js';
import { dispatch } from '../../lib/cli/dispatch.js';
import { startEmulator } from '../../lib/emulator/index.js';
import { ROOT } from '../support/build.js';
import { useEngine } from '../support/engine.js';

const engine = useEngine();

async function run(...args: string[]) {
  let [out, err] = ['', ''];
  const io: CliIo = {
    stdout: (text) => (out += Buffer.from(text as string).toString()),
    stderr: (text) => (err += text),
    env: {},
    stdin: () => Promise.resolve(new Uint8Array()),
    interrupted: () => new Promise(() => undefined),
  };
  const ignored = () => Promise.resolve(0);
  const code = await dispatch(args, io, { start: ignored, gateway: ignored, server: ignored });
  return { code, out, err };
}

const lines = <Line>(out: string, line: z.ZodType<Line>): Line[] =>
  out
    .trimEnd()
    .split('\n')
    .map((one) => line.parse(JSON.parse(one)));

describe('zerokeeper doctor --json', () => {
  const finding = z.strictObject({
    level: z.enum(['ok', 'warning', 'problem', 'unknown']),
    subject: z.string().min(1),
    text: z.string().min(1),
    advice: z.string().min(1).optional(),
  });
  /** A Lambda that lets nobody look. */
  let lambda: Server;

  beforeAll(async () => {
    lambda = createServer((_request, response) => {
      response.writeHead(403, { 'x-amzn-errortype': 'AccessDeniedException' }).end('{"message":"no"}');
    });
    await new Promise<void>((resolve) => lambda.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => new Promise((resolve) => lambda.close(resolve)));
  beforeEach(() => {
    const { port } = lambda.address() as AddressInfo;
    vi.stubEnv('AWS_ENDPOINT_URL_LAMBDA', `http://127.0.0.1:${port}`);
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  });
  afterEach(() => vi.unstubAllEnvs());

  const doctor = (tablePrefix: string) =>
    run(
      ...['doctor', '--json', '--region', 'us-east-1'],
      ...['--endpoint', engine.endpoint, '--table-prefix', tablePrefix],
    );

  it('prints findings, and ends with 0 when none is a problem', async () => {
    const { code, out, err } = await doctor(await engine.freshTables());
    const findings = lines(out, finding);
    expect(findings.filter(({ level }) => level === 'problem')).toEqual([]);
    expect(findings.map(({ level }) => level)).toEqual(expect.arrayContaining(['ok', 'unknown']));
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });

  it('ends with 1 when there is a problem, and says what to do', async () => {
    const { code, out, err } = await doctor('there-is-none');
    const problems = lines(out, finding).filter(({ level }) => level === 'problem');
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.map(({ advice }) => advice)).not.toContain(undefined);
    expect({ code, err }).toEqual({ code: 1, err: '' });
  });

  it('ends with 2 for what it does not know', async () => {
    for (const args of [['--unknown'], ['surplus'], ['--table-prefix']]) {
      const { code, out, err } = await run('doctor', '--json', ...args);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toMatch(/^zerokeeper doctor: .+\nUsage: zerokeeper doctor /);
    }
  });
});

describe('zerokeeper smoke-test --json', () => {
  const step = z.strictObject({
    name: z.string().min(1),
    tookMs: z.number().min(0),
    warning: z.string().optional(),
    failure: z.string().min(1).optional(),
  });

  it('prints the steps, and ends with 0 when the deployment works', async () => {
    await using emulator = await startEmulator();
    const { code, out, err } = await run('smoke-test', '--json', '--server', emulator.endpoints.tcp[0]!);
    const steps = lines(out, step);
    expect(steps.filter(({ failure }) => failure !== undefined)).toEqual([]);
    expect(steps).toHaveLength(9);
    expect({ code, err }).toEqual({ code: 0, err: '' });
  }, 60_000);

  it('ends with 1 when nobody answers, and names the step', async () => {
    const closed = '127.0.0.1:1';
    const { code, out, err } = await run('smoke-test', '--json', '--server', closed, '--timeout', '0.2');
    const [failed] = lines(out, step).filter(({ failure }) => failure !== undefined);
    expect(failed?.name).toBe('connect two sessions');
    expect(code).toBe(1);
    expect(err).toContain('zerokeeper doctor');
  });

  it('ends with 2 for a transport that there is not', async () => {
    const { code, out, err } = await run('smoke-test', '--json', '--transport', 'pigeon');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('--transport wants lambda, direct or tcp, not pigeon');
  });
});

describe('npm run costs -- --json', () => {
  const costs = (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const options = { cwd: ROOT, maxBuffer: 16 * 1024 * 1024 };
      execFile('node', ['--import', 'tsx', 'bench/costs.ts', ...args], options, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      );
    });

  it('prints one object with the prices, the counts and the months of the load', async () => {
    const { code, out } = await costs('--json', '--writes', '1000', '--sessions', '2');
    const printed = z.strictObject({
      ...{ prices: z.looseObject({}), counts: z.looseObject({}), idle: z.unknown() },
      months: z.array(z.looseObject({})),
    });
    expect(code).toBe(0);
    const { months } = printed.parse(JSON.parse(out));
    expect(months).toHaveLength(1);
  }, 180_000);

  it('ends with 1 and one line for what is no number', async () => {
    const { code, out, err } = await costs('--json', '--writes', 'many');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err.trim().split('\n').at(-1)).toBe('costs: --writes wants a whole number, not many');
  }, 60_000);
});
