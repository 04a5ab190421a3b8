import { z } from 'zod';

type Scalar = string | number | boolean | null;

/** What a filter of an event source wants: at each path one of the values. */
export interface EventPattern {
  readonly [key: string]: readonly Scalar[] | EventPattern;
}

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** Patterns of exact values. Comparisons (`prefix`, `exists`, …) are refused: a filter that does less than the cloud's would go unnoticed. */
export const eventPattern: z.ZodType<EventPattern> = z.lazy(() =>
  z.record(z.string(), z.union([z.array(scalar).min(1), eventPattern])),
);

export function matchesPattern(pattern: EventPattern, event: unknown): boolean {
  return Object.entries(pattern).every(([key, wanted]) => {
    const value: unknown = isObject(event) ? event[key] : undefined;
    return isValues(wanted) ? wanted.some((one) => one === value) : matchesPattern(wanted, value);
  });
}

function isValues(wanted: readonly Scalar[] | EventPattern): wanted is readonly Scalar[] {
  return Array.isArray(wanted);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
