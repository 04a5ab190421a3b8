import type { TransportKind } from '../../lib/client/transport.js';
import { Dice } from './world/dice.js';
import { FAULT_KINDS, NO_FAULT_RATES, type FaultKind, type FaultRates } from './world/faults.js';
import type { WorkloadOptions } from './workload.js';

/** What a run is made of: who takes part, what goes wrong, what the clients do. */
export interface Scenario {
  readonly name: string;
  readonly gateways: number;
  readonly clients: readonly TransportKind[];
  readonly rates: FaultRates;
  readonly workload: Pick<WorkloadOptions, 'weights' | 'pauseMsMax' | 'largeShare'>;
}

const KINDS: readonly TransportKind[] = ['lambda', 'lambda', 'direct', 'tcp', 'tcp'];

/** Everything by chance: most kinds of faults are on, some off, some much too often. */
function anything(dice: Dice): Scenario {
  const rates = Object.fromEntries(
    FAULT_KINDS.map((kind) => [kind, dice.pick([0, 0.3, 1, 1, 3])]),
  ) as FaultRates;
  return {
    name: 'anything',
    gateways: dice.between(1, 2),
    clients: Array.from({ length: dice.between(3, 6) }, () => dice.pick(KINDS)),
    rates,
    workload: { pauseMsMax: dice.pick([20, 150, 600]), largeShare: dice.pick([0, 0.05, 0.2]) },
  };
}

/** What chance gives, with these faults and no others. */
function about(dice: Dice, name: string, rates: Partial<FaultRates>): Scenario {
  return { ...anything(dice), name, rates: { ...NO_FAULT_RATES, ...rates } };
}

/** Scenarios by name: each begins with what chance gives and fixes what it is about. */
const SCENARIOS: Readonly<Record<string, (dice: Dice) => Scenario>> = {
  anything,
  calm: (dice) => about(dice, 'calm', {}),
  /** The network loses what is asked and what is answered, and brings writes late. */
  network: (dice) =>
    about(dice, 'network', { lostRequest: 4, lostReply: 6, delayedWrite: 6, slowCall: 5, invokeLost: 3 }),
  /** The store asks to slow down, and gives short pages. */
  throttling: (dice) => about(dice, 'throttling', { throttle: 10, shortPages: 1, slowCall: 3 }),
  /** Processes stop in the middle of their work and go on: after seconds, or after days in which everybody slept. */
  sleepers: (dice) => about(dice, 'sleepers', { freeze: 6, leap: 30, functionTimeout: 4, delayedWrite: 2 }),
  /** Processes are killed between any two of their steps. */
  killer: (dice) => about(dice, 'killer', { kill: 8, functionTimeout: 3, lostReply: 1 }),
  /** Processes are cut off from everybody, and connections break. */
  partitions: (dice) => about(dice, 'partitions', { partition: 8, socketCut: 4, lostRequest: 1 }),
  /** Clocks are wrong by up to a minute, and are set while they are in use. */
  clocks: (dice) => about(dice, 'clocks', { clockSkew: 3, clockStep: 6, freeze: 2, lostReply: 1 }),
  /** Streams repeat, delay and stall, days pass in which they lose records, messages come twice, the schedule fails. */
  streams: (dice) =>
    about(dice, 'streams', {
      ...{ streamDelay: 5, streamRepeat: 5, streamStall: 10, queueTwice: 5, invokeTwice: 5 },
      ...{ scheduleLost: 2, leap: 20, lateTtl: 1 },
    }),
  /** Clients give up early and ask again, and their requests come twice. */
  impatience: (dice) =>
    about(dice, 'impatience', { clientTimeout: 5, invokeTwice: 5, slowCall: 4, lostReply: 2 }),
  /** Dozens of clients, and a new instance for nearly every call: hundreds of them in one run. */
  cold: (dice) => ({
    ...about(dice, 'cold', { coldStart: 18, kill: 1, lostReply: 1 }),
    clients: Array.from({ length: 30 }, () => 'lambda' as const),
  }),
  /** Gateways come and go under clients of ZooKeeper's protocol. */
  gateways: (dice) => ({
    ...about(dice, 'gateways', { kill: 4, freeze: 3, partition: 3, socketCut: 6, lostReply: 1 }),
    gateways: 3,
    clients: ['tcp', 'tcp', 'tcp', 'tcp', 'tcp', 'lambda'],
  }),
};

export const SCENARIO_NAMES: readonly string[] = Object.keys(SCENARIOS);

/** The scenario of a run. Throws a RangeError for a name that none has. */
export function scenarioOf(options: {
  readonly seed: number;
  readonly scenario?: string | undefined;
  readonly without?: readonly FaultKind[] | undefined;
}): Scenario {
  const make = SCENARIOS[options.scenario ?? 'anything'];
  if (make === undefined) {
    throw new RangeError(
      `there is no scenario ${options.scenario ?? ''}; there are: ${SCENARIO_NAMES.join(', ')}`,
    );
  }
  const scenario = make(new Dice(options.seed ^ 0x5eed));
  const off = Object.fromEntries((options.without ?? []).map((kind) => [kind, 0]));
  return { ...scenario, rates: { ...scenario.rates, ...off } };
}
