import { InspectError } from '../inspector.js';

export type Level =
  | 'ok'
  /** Works, but not as it should, or not for long. */
  | 'warning'
  /** Does not work. */
  | 'problem'
  /** Could not be found out. */
  | 'unknown';

/** What one look at a deployment found. */
export interface Finding {
  readonly level: Level;
  /** What was looked at. */
  readonly subject: string;
  /** What is so. */
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
}

export const ok = (subject: string, text: string): Finding => ({ level: 'ok', subject, text });
export const warning = (subject: string, text: string, advice: string): Finding => ({
  ...{ level: 'warning', subject, text, advice },
});
export const problem = (subject: string, text: string, advice: string): Finding => ({
  ...{ level: 'problem', subject, text, advice },
});

/** What follows from a question that was not answered. `missing` says what to do when the thing is not there. */
export function unanswered(subject: string, error: unknown, missing: string): Finding {
  if (!(error instanceof InspectError)) throw error;
  if (error.kind === 'missing') return problem(subject, error.message, missing);
  const advice =
    error.kind === 'denied'
      ? 'This identity may not ask. Grant it the read-only actions that docs/OPERATIONS.md lists for the doctor, or run it as somebody who has them.'
      : 'Nothing that knows the answer was reached. Look at the endpoint and the network; an emulator knows less than AWS.';
  return { level: 'unknown', subject, text: error.message, advice };
}
