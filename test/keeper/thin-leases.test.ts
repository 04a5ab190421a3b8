import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import { ThinLeases } from '../../lib/keeper/thin-leases.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';

const HOLDER = { session: 7n, epoch: 1 };
const TIMEOUT_MS = 10_000;

async function setUp() {
  const clock = new ManualClock(1_700_000_000_000);
  const random = seededRandom(1);
  const store = new SimulatedStore({ clock, random });
  let trusted = true;
  const leases = new ThinLeases({ store, namespace: 'test', clock, random, isClockTrusted: () => trusted });
  /** Lets time pass until the store has answered. */
  const until = async <T>(pending: Promise<T>): Promise<T> => {
    let done = false;
    const end = () => (done = true);
    pending.then(end, end);
    while (!done) await clock.advance(1);
    return pending;
  };
  const lease = await until(leases.write(HOLDER, TIMEOUT_MS));
  return { clock, store, leases, lease, until, distrust: () => (trusted = false) };
}

describe('a lease that has lapsed', () => {
  it('is not taken for alive from memory by a clock that was set back meanwhile', async () => {
    const { clock, leases } = await setUp();
    expect(leases.isKnownAlive(HOLDER)).toBe(true);
    await clock.advance(TIMEOUT_MS + 1);
    clock.step(-TIMEOUT_MS);
    expect(leases.isKnownAlive(HOLDER)).toBe(false);
  });

  it('is not vouched for when the answer to its reading shows that the clock was set', async () => {
    const { clock, leases, store, until, distrust } = await setUp();
    await clock.advance(TIMEOUT_MS + 1);
    clock.step(-TIMEOUT_MS);
    store.intercept = () => {
      distrust();
      return undefined;
    };
    await expect(until(leases.touch(HOLDER))).rejects.toMatchObject({ code: 'StoreUnavailable' });
  });

  it('is not vouched for when the answer to its renewal shows that the clock was set', async () => {
    const { clock, leases, lease, store, until, distrust } = await setUp();
    await clock.advance(TIMEOUT_MS + 1);
    clock.step(-TIMEOUT_MS);
    store.intercept = () => {
      distrust();
      return undefined;
    };
    await expect(until(leases.renew(lease, TIMEOUT_MS))).rejects.toMatchObject({ code: 'StoreUnavailable' });
  });
});
