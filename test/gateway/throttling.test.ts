import { describe, expect, it } from 'vitest';

import { ManualClock } from '../../lib/base/clock.js';
import { seededRandom } from '../../lib/base/random.js';
import { ErrorCode } from '../../lib/core/errors.js';
import { OPEN_ACL } from '../../lib/core/types.js';
import { ConnectionThrottle, type ThrottleLimits } from '../../lib/gateway/connection-throttle.js';
import { resolveLimits } from '../../lib/gateway/options.js';
import { Xid } from '../../lib/wire/index.js';
import { startGateway } from './support/gateways.js';

function newThrottle(limits: Partial<ThrottleLimits>) {
  const clock = new ManualClock();
  return {
    clock,
    throttle: new ConnectionThrottle(resolveLimits(limits), { clock, random: seededRandom(1) }),
  };
}

const admitted = (throttle: ConnectionThrottle, attempts: number) =>
  Array.from({ length: attempts }, () => throttle.admit()).filter(Boolean).length;

describe('the throttle of connections', () => {
  it('lets everybody in unless it is told a number', () => {
    expect(admitted(newThrottle({}).throttle, 1000)).toBe(1000);
  });

  it('lets in as many at once as it has tokens, and as many later as were filled in', async () => {
    const limits = { connectionMaxTokens: 10, connectionTokenFillTimeMs: 100, connectionTokenFillCount: 3 };
    const { throttle, clock } = newThrottle(limits);
    expect(admitted(throttle, 20)).toBe(10);
    await clock.advance(250);
    expect(admitted(throttle, 20)).toBe(6);
    await clock.advance(50);
    expect(admitted(throttle, 20)).toBe(3);
    await clock.advance(60_000);
    expect(admitted(throttle, 20)).toBe(10);
  });

  it('drops by a chance that grows while there are no tokens, and shrinks while there are', async () => {
    const limits = {
      connectionMaxTokens: 2,
      connectionFreezeTimeMs: 10,
      connectionDropIncrease: 0.25,
      connectionDropDecrease: 0.5,
    };
    const { throttle, clock } = newThrottle({
      ...limits,
      connectionTokenFillTimeMs: 1000,
      connectionTokenFillCount: 2,
    });
    const drops: number[] = [];
    for (let round = 0; round < 6; round++) {
      admitted(throttle, 3);
      drops.push(throttle.dropProbability);
      await clock.advance(20);
    }
    expect(drops).toEqual([0, 0.25, 0.5, 0.75, 1, 1]);
    await clock.advance(1000);
    throttle.admit();
    expect(throttle.dropProbability).toBe(0.5);
  });

  it('hangs up who comes too early, counts that, and answers four-letter words all the same', async () => {
    const limits = { connectionMaxTokens: 1, connectionTokenFillTimeMs: 1000 };
    const { open, dial, gateway, clock } = await startGateway({ limits });
    await open();
    const early = dial();
    early.sendConnect();
    expect(await early.next()).toBeUndefined();
    expect(gateway.status().door.rejected).toBe(1);
    await clock.advance(1000);
    await open();
  });
});

const node = { path: '/a', data: Buffer.from('v'), acl: OPEN_ACL, flags: 0 };

describe('a request that waits', () => {
  it('for longer than throttledOpWaitTime is refused with ThrottledOp, and counted', async () => {
    const { open, clock, keeper, gateway } = await startGateway({ limits: { throttledOpWaitMs: 100 } });
    const client = await open();
    let answer: (zxid: number) => void = () => undefined;
    keeper.sync = () => new Promise((resolve) => (answer = resolve));
    const sync = client.send('sync', { path: '/' });
    const late = client.send('create', node);
    const ping = client.send('ping', {}, Xid.ping);
    await expect.poll(() => gateway.status().outstanding).toBe(3);
    await clock.advance(101);
    answer(0);
    const replies = (await client.take(3)).map((reply) => reply.kind === 'reply' && [reply.xid, reply.err]);
    expect(replies).toEqual([
      [sync, 0],
      [late, ErrorCode.ThrottledOp],
      [ping, 0],
    ]);
    expect(gateway.status().stats.throttled).toBe(1);
    expect((await client.call('create', node)).err).toBe(0);
  });

  it('because the gateway is full has waited since it came, not since it was read', async () => {
    const limits = { throttledOpWaitMs: 100, requestThrottleLimit: 1 };
    const { open, clock, keeper } = await startGateway({ limits });
    const client = await open();
    let answer: (zxid: number) => void = () => undefined;
    keeper.sync = () => new Promise((resolve) => (answer = resolve));
    const frames = [client.encode('sync', { path: '/' }, 1), client.encode('create', node, 2)];
    client.socket.write(Buffer.concat(frames));
    await expect.poll(() => answer.length).toBe(1);
    await clock.advance(101);
    answer(0);
    const replies = (await client.take(2)).map((reply) => reply.kind === 'reply' && reply.err);
    expect(replies).toEqual([0, ErrorCode.ThrottledOp]);
  });
});
