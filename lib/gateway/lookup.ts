import type { ReplyBody } from './frames.js';

/** The code and, if that is no error, the body of a reply. */
export interface Answer {
  readonly err: number;
  readonly body?: ReplyBody;
}

/** A request that reads what may not be in the view: attempts and hydrations take turns. */
export interface Lookup {
  /** `undefined` while records are missing. Synchronous, so that an answer is of one moment. */
  attempt(): Answer | undefined;
  /** Brings in what the last attempt lacked, or a part of it. */
  hydrate(): Promise<unknown>;
  /** How often it may hydrate, in place of `hydrationAttemptsMax`. */
  readonly attemptsMax?: number;
  /** Whether the client would miss something if it were refused: then it has to be hung up instead. */
  readonly indispensable?: true;
}
