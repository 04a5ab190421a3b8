import type { CancelTimer, Clock } from '../../base/clock.js';
import type { Dial } from './channel.js';
import { askFourLetterWord } from './four-letter-word.js';
import type { ServerAddress } from './servers.js';

/** The pause between two questions: doubles from the least to the most. */
export const SEARCH_PAUSE_MS_MIN = 100;
export const SEARCH_PAUSE_MS_MAX = 10_000;
/** How long a server may take to answer. */
const ANSWER_MS_MAX = 1_000;

export interface ServerSearchOptions {
  readonly servers: readonly ServerAddress[];
  readonly dial: Dial;
  readonly clock: Clock;
  /** Called once, unless it is stopped before. */
  readonly onFound: (server: ServerAddress) => void;
}

/**
 * Looks for a server that writes, for a client that a server serves which only reads: asks one after the other by `isro`, ever more
 * rarely, until one says `rw`. A server that does not answer that word is none.
 */
export class ServerSearch {
  readonly #options: ServerSearchOptions;
  #cancel: CancelTimer = () => undefined;
  #stopped = false;
  #asked = 0;

  constructor(options: ServerSearchOptions) {
    this.#options = options;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #arm(): void {
    const pauseMs = Math.min(SEARCH_PAUSE_MS_MAX, SEARCH_PAUSE_MS_MIN * 2 ** Math.min(this.#asked, 16));
    this.#cancel = this.#options.clock.after(pauseMs, () => {
      const { servers, onFound } = this.#options;
      const address = servers[this.#asked++ % servers.length];
      if (address === undefined) return;
      void this.#isWriting(address).then((found) => {
        if (this.#stopped) return;
        if (found) onFound(address);
        else this.#arm();
      });
    });
  }

  /** A server that cannot be asked does not write, either. */
  #isWriting(address: ServerAddress): Promise<boolean> {
    const { dial, clock } = this.#options;
    return askFourLetterWord('isro', { address, dial, clock, timeoutMs: ANSWER_MS_MAX }).then(
      (answer) => answer.trim() === 'rw',
      () => false,
    );
  }
}
