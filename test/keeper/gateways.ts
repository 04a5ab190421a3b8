import { Keeper } from '../../lib/keeper/keeper.js';
import { Reaper } from '../../lib/keeper/reaper.js';
import { GatewaySessions } from '../../lib/keeper/sessions.js';
import type { OpenSession, SessionEnd } from '../../lib/keeper/types.js';
import type { SimulatedStore } from '../../lib/log/simulated-store.js';
import type { Store } from '../../lib/log/store.js';
import { recordKey } from '../../lib/core/state.js';
import type { SessionId, SessionRecord } from '../../lib/core/types.js';
import type { World } from './world.js';
import { NAMESPACE } from './world.js';

/** A gateway without its sockets. */
export interface GatewayInWorld {
  readonly store: SimulatedStore;
  readonly keeper: Keeper;
  readonly sessions: GatewaySessions;
  readonly ends: [SessionId, SessionEnd][];
}

export async function gateway(
  world: World,
  options: { follow?: boolean; isClockTrusted?: () => boolean } = {},
): Promise<GatewayInWorld> {
  const { follow = true, isClockTrusted = () => true } = options;
  const store = world.connection();
  const keeper = world.keeper({ store, follow, isClockTrusted });
  const { clock, random } = world;
  const address = () => 'localhost:2181';
  const sessions = new GatewaySessions({ store, keeper, clock, random, address, isClockTrusted });
  const ends: [SessionId, SessionEnd][] = [];
  sessions.onEnd((session, end) => ends.push([session, end]));
  await world.until(keeper.start());
  await world.until(sessions.start());
  return { store, keeper, sessions, ends };
}

export function reaper(
  world: World,
  of: { store?: Store; keeper?: Keeper; own?: GatewayInWorld; isClockTrusted?: () => boolean } = {},
): Reaper {
  const { store = world.connection(), keeper = world.keeper({ store }), own, isClockTrusted } = of;
  const isOwnGateway = (gatewayId: string) => own?.sessions.lease.gatewayId === gatewayId;
  const trust = isClockTrusted === undefined ? {} : { isClockTrusted };
  return new Reaper({ store, keeper, clock: world.clock, random: world.random, isOwnGateway, ...trust });
}

/** Nothing that this gateway sends arrives any more: for the others it is dead. */
export function cutOff(gateway: GatewayInWorld): void {
  gateway.store.intercept = () => 'lostRequest';
}

export function reconnect(gateway: GatewayInWorld): void {
  gateway.store.intercept = undefined;
}

/** The session as the log has it now. */
export async function logged(world: World, session: SessionId): Promise<SessionRecord | null | undefined> {
  const keeper = new Keeper({
    store: world.connection(),
    namespace: NAMESPACE,
    clock: world.clock,
    random: world.random,
  });
  await world.until(keeper.start());
  await world.until(keeper.replica.hydrate([recordKey.session(session)]));
  return keeper.replica.view.session(session);
}

/** The origin of a session's requests. */
export function originOf({ session, epoch }: OpenSession) {
  return { session, epoch, authIds: [] };
}

/** Lets time pass while the client shows a sign of life every second. */
export async function liveFor(
  world: World,
  client: { gateway: GatewayInWorld; session: SessionId },
  ms: number,
): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1000) {
    await world.clock.advance(1000);
    client.gateway.sessions.touch(client.session);
  }
}
