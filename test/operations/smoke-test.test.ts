/** The smoke test against the emulator, over each transport, and against deployments that are broken in one way each. */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import { connect, type ClientOptions, type ConnectOptions } from '../../lib/client/index.js';
import { startEmulator } from '../../lib/emulator/index.js';
import { smokeTest, type SmokeStep } from '../../lib/operations/smoke-test.js';

type Transport = 'lambda' | 'direct' | 'tcp';

/** Time goes on by itself in the emulator, in steps that leave room for what they cause. */
type Change = (clock: Clock) => (options: ConnectOptions) => ConnectOptions;

async function run(transport: Transport, changeWith: Change = () => (same) => same) {
  await using emulator = await startEmulator();
  const { clock } = emulator;
  const change = changeWith(clock);
  const open = (options: ClientOptions) =>
    connect(change({ ...emulator.connectOptions(transport), ...options }));
  let done = false;
  const steps: SmokeStep[] = [];
  const onStep = (step: SmokeStep) => void steps.push(step);
  const test = smokeTest({ connect: open, clock, random: seededRandom(1), onStep }).finally(
    () => (done = true),
  );
  // The session that falls silent is waited for: that wait is the only one that needs the clock.
  while (!done) await emulator.advanceTime(250);
  const results = await test;
  expect(steps).toEqual(results);
  await using client = await connect(emulator.connectOptions('direct'));
  const { children } = await client.getChildren('/');
  return { results, left: children.filter((name) => name.startsWith('zerokeeper-smoke-test-')) };
}

const failures = (steps: readonly SmokeStep[]) => steps.filter(({ failure }) => failure !== undefined);

describe.each(['lambda', 'direct', 'tcp'] as const)('the smoke test over %s', (transport) => {
  it('passes on a deployment that works, and leaves nothing behind', async () => {
    const { results, left } = await run(transport);
    expect(failures(results)).toEqual([]);
    expect(results).toHaveLength(9);
    expect(results.flatMap(({ warning }) => warning ?? [])).toEqual([]);
    expect(left).toEqual([]);
  });
});

describe('the smoke test', () => {
  it('ends at the first step when nobody answers', async () => {
    const invoke = () => Promise.reject(new Error('no route'));
    const broken = { transport: 'lambda', invoke, connectTimeoutMs: 100 } as const;
    const { results } = await run('lambda', (clock) => () => ({ ...broken, clock }));
    expect(failures(results).map(({ name }) => name)).toEqual(['connect two sessions']);
    expect(results.map(({ name }) => name)).toEqual(['connect two sessions', 'clean up']);
  });

  it('tells of sessions that never end, and cleans up', async () => {
    const immortal = (clock: Clock) => (options: ConnectOptions) => ({ ...options, clock }) as ConnectOptions;
    const { results, left } = await run('tcp', immortal);
    const [failure, ...others] = failures(results);
    expect(failure).toMatchObject({
      name: 'expire a session that falls silent',
      failure: expect.stringContaining('nothing came within') as string,
    });
    expect(others).toEqual([]);
    expect(left).toEqual([]);
  });
});
