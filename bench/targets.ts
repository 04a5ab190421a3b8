import { formatTable } from '../lib/cli/format.js';

/** One line of what is to be reached, with what was measured. */
export interface Target {
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  readonly reached: boolean;
}

export interface Bound {
  readonly what: string;
  readonly measured: number;
  readonly unit?: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** A target of one number. */
export function bound({ what, measured, unit = '', atMost, atLeast }: Bound): Target {
  const target = atMost === undefined ? `≥ ${atLeast ?? 0}${unit}` : `≤ ${atMost}${unit}`;
  const reached = measured <= (atMost ?? Infinity) && measured >= (atLeast ?? -Infinity);
  const shown = Math.abs(measured) >= 100 ? measured.toFixed(0) : measured.toFixed(2);
  return { what, target, measured: `${shown}${unit}`, reached };
}

export function targetTable(targets: readonly Target[]): string {
  return formatTable(
    ['TARGET', 'IS TO BE', 'IS', ''],
    targets.map(({ what, target, measured, reached }) => [
      what,
      target,
      measured,
      reached ? 'reached' : 'MISSED',
    ]),
  );
}
