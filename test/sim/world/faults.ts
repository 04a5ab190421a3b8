/** What may go wrong, each by itself. */
export const FAULT_KINDS = [
  'lostRequest',
  'lostReply',
  'throttle',
  'delayedWrite',
  'slowCall',
  'shortPages',
  'clockSkew',
  'clockStep',
  'freeze',
  'kill',
  'partition',
  'coldStart',
  'functionTimeout',
  'invokeLost',
  'invokeTwice',
  'streamDelay',
  'streamRepeat',
  'streamStall',
  'queueTwice',
  'scheduleLost',
  'lateTtl',
  'clientTimeout',
  'socketCut',
  'leap',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** A number from 0 (never) on for every kind; 1 is a bad day. */
export type FaultRates = Readonly<Record<FaultKind, number>>;

export const NO_FAULT_RATES: FaultRates = Object.fromEntries(
  FAULT_KINDS.map((kind) => [kind, 0]),
) as FaultRates;
