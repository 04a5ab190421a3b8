import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/base/clock.js';
import { ServerClock } from '../../lib/log/server-clock.js';

const SERVER_START_MS = 1_700_000_000_000;

/** A machine whose clock is off by `errorMs`, a server whose clock is right, and calls between them. */
function machine(errorMs: number) {
  const base = new ManualClock(SERVER_START_MS + errorMs);
  const clock = new ServerClock(base);
  const serverMs = () => SERVER_START_MS + base.monotonic();
  /** One call: it takes `requestMs` to the server and `answerMs` back. */
  const call = async (requestMs = 5, answerMs = 5) => {
    const sentMs = base.now();
    const sentMonotonicMs = base.monotonic();
    await base.advance(requestMs);
    const date = Math.floor(serverMs() / 1000) * 1000;
    await base.advance(answerMs);
    const roundTripMonotonicMs = base.monotonic() - sentMonotonicMs;
    clock.observe({ serverMs: date, sentMs, receivedMs: base.now(), roundTripMonotonicMs });
  };
  const errorOfNow = () => clock.now() - serverMs();
  return { base, clock, call, errorOfNow };
}

describe('a clock that the server corrects', () => {
  it('is left alone while it agrees with the server', async () => {
    const { clock, call, base } = machine(0);
    for (let count = 0; count < 20; count++) {
      await call();
      await base.advance(137);
    }
    expect(clock.offsetMs).toBe(0);
    expect(clock.trusted).toBe(true);
  });

  it.each([3_600_000, -3_600_000, 2_500, -2_500])('finds an error of %d ms to a few ms', async (errorMs) => {
    const { call, base, errorOfNow, clock } = machine(errorMs);
    for (let count = 0; count < 60; count++) {
      await call();
      await base.advance(127);
    }
    expect(Math.abs(errorOfNow())).toBeLessThan(30);
    expect(clock.trusted).toBe(true);
  });

  it('knows an error to half a second and half a round trip after one sample', async () => {
    const { call, errorOfNow } = machine(60_000);
    await call();
    expect(Math.abs(errorOfNow())).toBeLessThanOrEqual(505);
  });

  it('is not misled by slow calls', async () => {
    const { base, clock, call } = machine(0);
    await call(1500, 0);
    await call(0, 1000);
    expect(clock.offsetMs).toBe(0);
    const sentMs = base.now();
    clock.observe({ serverMs: 0, sentMs, receivedMs: sentMs + 5, roundTripMonotonicMs: 1000 });
    clock.observe({ serverMs: 0, sentMs, receivedMs: sentMs - 5, roundTripMonotonicMs: 5 });
    await call();
    expect(clock.offsetMs).toBe(0);
    expect(clock.trusted).toBe(true);
  });

  it('follows a step of up to five seconds at once', async () => {
    const { base, clock, call, errorOfNow } = machine(0);
    for (let count = 0; count < 20; count++) {
      await call();
      await base.advance(127);
    }
    base.step(4000);
    await call();
    expect(clock.trusted).toBe(true);
    expect(Math.abs(errorOfNow())).toBeLessThanOrEqual(1000);
  });

  it.each([60_000, -60_000])(
    'is not trusted after a step of %d ms until two samples agree',
    async (stepMs) => {
      const { base, clock, call, errorOfNow } = machine(0);
      for (let count = 0; count < 20; count++) {
        await call();
        await base.advance(127);
      }
      base.step(stepMs);
      await call();
      expect(clock.trusted).toBe(false);
      await call();
      expect(clock.trusted).toBe(true);
      expect(Math.abs(errorOfNow())).toBeLessThanOrEqual(1000);
    },
  );

  it.each([26_700, 3_000, -3_000, -26_700])(
    'is not trusted from when it is set by %d ms during a call until the next call tells by how much',
    async (stepMs) => {
      const { base, clock, call, errorOfNow } = machine(0);
      for (let count = 0; count < 20; count++) {
        await call();
        await base.advance(137);
      }
      const sentMs = base.now();
      clock.observe({
        serverMs: Math.floor(sentMs / 1000) * 1000,
        sentMs,
        receivedMs: sentMs + 10 + stepMs,
        roundTripMonotonicMs: 10,
      });
      expect(clock.trusted).toBe(false);
      base.step(stepMs);
      await call();
      if (!clock.trusted) await call();
      expect(clock.trusted).toBe(true);
      expect(Math.abs(errorOfNow())).toBeLessThan(1_010);
    },
  );

  it.each([26_700, -26_700])(
    'is not trusted when a slow call shows that it was set by %d ms before, until a quick one tells by how much',
    async (stepMs) => {
      const { base, clock, call, errorOfNow } = machine(0);
      for (let count = 0; count < 20; count++) await call();
      base.step(stepMs);
      await call(900, 850);
      expect(clock.trusted).toBe(false);
      await call();
      await call();
      expect(clock.trusted).toBe(true);
      expect(Math.abs(errorOfNow())).toBeLessThan(1_010);
    },
  );

  it('is not trusted when its first call is slow and shows that it is wrong', async () => {
    const { clock, call, errorOfNow } = machine(60_000);
    await call(900, 850);
    expect(clock.trusted).toBe(false);
    await call();
    expect(clock.trusted).toBe(true);
    expect(Math.abs(errorOfNow())).toBeLessThan(1_010);
  });

  it('is not trusted while samples keep contradicting each other', async () => {
    const { base, clock, call } = machine(0);
    await call();
    for (let count = 0; count < 5; count++) {
      base.step(20_000);
      await call();
      expect(clock.trusted).toBe(false);
    }
    await call();
    expect(clock.trusted).toBe(true);
  });

  it('is trusted again, uncorrected, when one sample was nonsense', async () => {
    const { base, clock, call } = machine(0);
    await call();
    const sentMs = base.now();
    clock.observe({ serverMs: sentMs + 86_400_000, sentMs, receivedMs: sentMs, roundTripMonotonicMs: 0 });
    expect(clock.trusted).toBe(false);
    await call();
    expect(clock.trusted).toBe(false);
    await call();
    expect(clock.trusted).toBe(true);
    expect(clock.offsetMs).toBe(0);
  });

  it('leaves durations and timers to the machine', async () => {
    const { base, clock, call } = machine(60_000);
    await call();
    let fired = 0;
    clock.after(100, () => fired++);
    const cancel = clock.after(100, () => fired++);
    cancel();
    const startMs = clock.monotonic();
    await base.advance(100);
    expect(clock.monotonic() - startMs).toBe(100);
    expect(fired).toBe(1);
  });
});
