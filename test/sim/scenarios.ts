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

/** Scenarios by name: each begins with what chance gives and fixes what it is about. */
const SCENARIOS: Readonly<Record<string, (dice: Dice) => Scenario>> = {
  anything,
  calm: (dice) => ({ ...anything(dice), name: 'calm', rates: NO_FAULT_RATES }),
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
