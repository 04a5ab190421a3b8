import type { GatewayTimers } from '../../lib/keeper/gateway-timers.js';
import type { Commit } from '../../lib/keeper/types.js';

/**
 * Begins a chain of timers for every owner that the log names, so that its sessions expire in time even when nobody is left who
 * would look after them. Awaited before the watermark passes these transactions: whatever happens, some run gets it done.
 */
export async function armGatewayTimers(timers: GatewayTimers, commits: readonly Commit[]): Promise<void> {
  const shortest = new Map<string, number>();
  for (const { txn } of commits) {
    const { effect } = txn;
    if ((effect.type !== 'createSession' && effect.type !== 'attach') || effect.owner === '') continue;
    const known = shortest.get(effect.owner) ?? Infinity;
    shortest.set(effect.owner, Math.min(known, effect.timeoutMs));
  }
  await Promise.all([...shortest].map(([gatewayId, timeoutMs]) => timers.arm(gatewayId, timeoutMs)));
}
