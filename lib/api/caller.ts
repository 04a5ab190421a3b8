import type { AuthId } from '../core/types.js';

/** Who calls, as the surroundings vouch for it, and how long an answer may take. */
export interface ThinCaller {
  readonly requestId: string;
  /** From the authority of the call. A namespace that stands in the request must be the same. */
  readonly namespace: string;
  readonly authIds: readonly AuthId[];
  /** Ms until the invocation is ended. */
  remainingMs(): number;
}
