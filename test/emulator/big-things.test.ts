import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/base/logger.js';
import { connect, type MultiInput, type ZeroKeeperClient } from '../../lib/client/index.js';
import { NAME_BYTES_MAX, PATH_BYTES_MAX } from '../../lib/core/limits.js';
import { startEmulator, type MemoryEmulator } from '../../lib/emulator/memory/emulator.js';
import { JUTE_MAX_BUFFER_DEFAULT } from '../../lib/gateway/options.js';

const TRANSPORTS = ['tcp', 'lambda', 'direct'] as const;
type Kind = (typeof TRANSPORTS)[number];

/** Operations of one multi. */
const MULTI = 500;
const EPHEMERALS = 5000;
const CHILDREN = 100_000;
/** What stands in a request of setData beside data and path. */
const FRAME_OVERHEAD_BYTES = 64;

const PATIENT = { timeoutMs: 120_000 };

function client(emulator: MemoryEmulator, transport: Kind): Promise<ZeroKeeperClient> {
  return connect({ ...emulator.connectOptions(transport), connectTimeoutMs: 120_000 });
}

/** Creates `count` children of `parent`, so many at a time. */
async function createMany(
  of: ZeroKeeperClient,
  parent: string,
  options: { readonly count: number; readonly mode?: 'ephemeral' },
): Promise<void> {
  const { count, mode } = options;
  for (let from = 0; from < count; from += MULTI) {
    const operations = Array.from({ length: Math.min(MULTI, count - from) }, (_, index): MultiInput => ({
      op: 'create',
      path: `${parent}/${from + index}`,
      ...(mode && { mode }),
    }));
    await of.multi(operations, PATIENT);
  }
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  it('a znode may be as large as a request', async () => {
    await using emulator = await startEmulator({ logger: silentLogger });
    await using writer = await client(emulator, transport);
    const data = Uint8Array.from(
      { length: JUTE_MAX_BUFFER_DEFAULT - FRAME_OVERHEAD_BYTES },
      (_, at) => at % 251,
    );
    await writer.create('/big');
    const stat = await writer.set('/big', data);
    expect(stat.dataLength).toBe(data.length);
    const read = await writer.get('/big', { consistency: 'linearizable' });
    expect(Buffer.compare(read.data, data)).toBe(0);
  });

  it(`a multi may have ${MULTI} operations, and does all or nothing of them`, async () => {
    await using emulator = await startEmulator({ logger: silentLogger });
    await using writer = await client(emulator, transport);
    await writer.create('/m');
    await createMany(writer, '/m', { count: MULTI });
    const failing = Array.from({ length: MULTI }, (_, index): MultiInput => {
      return index < MULTI - 1 ? { op: 'delete', path: `/m/${index}` } : { op: 'check', path: '/none' };
    });
    await expect(writer.multi(failing)).rejects.toMatchObject({ name: 'NoNode', path: '/none' });
    const { stat } = await writer.get('/m', { consistency: 'linearizable' });
    expect(stat.numChildren).toBe(MULTI);
  });

  it(`${EPHEMERALS} ephemerals go with their session, under one zxid`, async () => {
    await using emulator = await startEmulator({ logger: silentLogger });
    await using observer = await client(emulator, 'direct');
    await observer.create('/e');
    const owner = await client(emulator, transport);
    await createMany(owner, '/e', { count: EPHEMERALS, mode: 'ephemeral' });
    const before = await observer.get('/e', { consistency: 'linearizable' });
    expect(before.stat.numChildren).toBe(EPHEMERALS);
    await owner.close();
    const after = await observer.get('/e', { consistency: 'linearizable' });
    expect(after.stat).toMatchObject({ numChildren: 0, pzxid: before.stat.pzxid + 1 });
  });

  it('a path may have as many bytes as fit a key, and one more is a typed error', async () => {
    await using emulator = await startEmulator({ logger: silentLogger });
    await using writer = await client(emulator, transport);
    const parent = '/' + 'p'.repeat(NAME_BYTES_MAX);
    const longest = `${parent}/${'c'.repeat(PATH_BYTES_MAX - parent.length - 1)}`;
    await writer.create(parent);
    await writer.create(longest, 'x');
    expect(Buffer.from((await writer.get(longest)).data).toString()).toBe('x');
    expect((await writer.getChildren(parent, { consistency: 'linearizable' })).children).toHaveLength(1);
    for (const path of [longest + 'c', parent + 'p']) {
      await expect(writer.create(path)).rejects.toMatchObject({ name: 'BadArguments', path });
    }
    await writer.delete(longest);
  });
});

/** Takes a minute of computing, so it is for `npm run test:large`. */
const isLargeRun = process.env['ZEROKEEPER_LARGE'] === '1';

it.runIf(isLargeRun)(
  `${CHILDREN} children of one znode are listed over every transport`,
  { timeout: 600_000 },
  async () => {
    await using emulator = await startEmulator({ logger: silentLogger });
    await using writer = await client(emulator, 'direct');
    await writer.create('/many');
    await createMany(writer, '/many', { count: CHILDREN });
    // What follows from the log has to have its turn in this one thread, too.
    await emulator.advanceTime(1000);
    for (const transport of TRANSPORTS) {
      await using reader = await client(emulator, transport);
      const { children, stat } = await reader.getChildren('/many', {
        ...PATIENT,
        consistency: 'linearizable',
      });
      expect([stat.numChildren, new Set(children).size]).toEqual([CHILDREN, CHILDREN]);
    }
  },
);
