import { setTimeout as pause } from 'node:timers/promises';
import type { Dice } from '../sim/world/dice.js';
import type { Cluster } from './cluster.js';
import { signal } from './cluster.js';

export interface Fault {
  readonly name: string;
  /** How often, beside the others. */
  readonly weight: number;
  /** Does it, and mends it again. */
  readonly strike: (cluster: Cluster, dice: Dice) => Promise<void>;
  /** False where it cannot be done on this machine. */
  readonly isPossible?: (cluster: Cluster) => boolean;
}

async function whilePaused(pid: number | undefined, ms: number): Promise<void> {
  if (pid === undefined) return;
  signal(pid, 'SIGSTOP');
  await pause(ms);
  signal(pid, 'SIGCONT');
}

/** Everything that is done to a cluster under load. */
export const FAULTS: readonly Fault[] = [
  {
    name: 'kill a gateway',
    weight: 4,
    strike: (cluster, dice) => {
      const pids = cluster.gatewayPids();
      if (pids.length > 0) signal(dice.pick(pids), 'SIGKILL');
      return Promise.resolve();
    },
  },
  {
    name: 'freeze a gateway',
    weight: 3,
    strike: (cluster, dice) => {
      const pids = cluster.gatewayPids();
      return whilePaused(pids.length > 0 ? dice.pick(pids) : undefined, dice.between(200, 8_000));
    },
  },
  {
    name: 'freeze the functions',
    weight: 2,
    strike: (cluster, dice) => whilePaused(cluster.emulatorPid, dice.between(200, 4_000)),
  },
  {
    name: 'freeze the engine',
    weight: 2,
    isPossible: ({ ownsEngine }) => ownsEngine,
    strike: (cluster, dice) => whilePaused(cluster.enginePid, dice.between(100, 3_000)),
  },
  {
    name: 'kill the engine',
    weight: 2,
    isPossible: ({ ownsEngine }) => ownsEngine,
    strike: async (cluster, dice) => {
      await cluster.killEngine();
      await pause(dice.between(0, 1_500));
      await cluster.startEngine();
    },
  },
  {
    name: 'kill the emulator with its functions and gateways',
    weight: 1,
    strike: async (cluster, dice) => {
      await cluster.killEmulator();
      await pause(dice.between(0, 1_000));
      await cluster.startEmulator();
    },
  },
  {
    name: 'cut the connections of clients to a gateway',
    weight: 4,
    strike: (cluster, dice) => {
      dice.pick(cluster.gatewayProxies).cut();
      return Promise.resolve();
    },
  },
  {
    name: 'hold up what clients and a gateway say',
    weight: 2,
    strike: async (cluster, dice) => {
      const proxy = dice.pick(cluster.gatewayProxies);
      proxy.delay(dice.between(20, 800));
      await pause(dice.between(500, 3_000));
      proxy.delay(0);
      // Bytes that were held up must not be overtaken by later ones.
      proxy.cut();
    },
  },
  {
    name: 'lose what clients and a gateway say',
    weight: 3,
    strike: async (cluster, dice) => {
      const proxy = dice.pick(cluster.gatewayProxies);
      proxy.silence(true);
      await pause(dice.between(200, 6_000));
      proxy.silence(false);
    },
  },
  {
    name: 'lose requests and answers of the API',
    weight: 3,
    strike: async (cluster, dice) => {
      cluster.lambdaProxy.silence(true);
      await pause(dice.between(100, 3_000));
      cluster.lambdaProxy.silence(false);
    },
  },
  {
    name: 'cut everybody off from the engine in the middle of requests',
    weight: 4,
    strike: (cluster) => {
      cluster.engineProxy.cut();
      return Promise.resolve();
    },
  },
  {
    name: 'lose what the engine is asked and answers',
    weight: 3,
    strike: async (cluster, dice) => {
      cluster.engineProxy.silence(true);
      await pause(dice.between(100, 4_000));
      cluster.engineProxy.silence(false);
    },
  },
  {
    name: 'hold up what the engine is asked and answers',
    weight: 2,
    strike: async (cluster, dice) => {
      cluster.engineProxy.delay(dice.between(20, 400));
      await pause(dice.between(500, 3_000));
      cluster.engineProxy.delay(0);
      cluster.engineProxy.cut();
    },
  },
  {
    name: "fill the engine's disk",
    weight: 1,
    isPossible: ({ hasDisk }) => hasDisk,
    strike: async (cluster, dice) => {
      cluster.fillDisk();
      await pause(dice.between(300, 3_000));
      cluster.freeDisk();
    },
  },
];
