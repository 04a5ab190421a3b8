import type { CancelTimer } from '../../base/clock.js';
import { Follower } from '../../keeper/follower.js';
import type { Replica } from '../../keeper/replica.js';
import { FOLLOW_LINGER_MS, FOLLOW_SESSION_MS, FOLLOW_WATCHING_MS } from './limits.js';

/** Why the log is followed: nobody asks, a session lives, or somebody waits for what happens. */
export type Interest = 'none' | 'session' | 'watching';

/** Follows the log as closely as somebody is interested in it: looks at the tail cost money. */
export class Following {
  readonly #options: { readonly replica: Replica; readonly callMaterializer: () => void };
  #interest: Interest = 'none';
  #wanted: Interest = 'none';
  #follower: Follower | undefined;
  #cancelLinger: CancelTimer | undefined;

  constructor(options: { readonly replica: Replica; readonly callMaterializer: () => void }) {
    this.#options = options;
  }

  /** A closer interest begins at once. One that is over lingers, for it often comes back. */
  set(interest: Interest): void {
    if (interest === this.#wanted) return;
    this.#wanted = interest;
    this.#cancelLinger?.();
    if (this.#interest !== 'watching') {
      this.#begin(interest);
      return;
    }
    const { clock } = this.#options.replica.options;
    this.#cancelLinger = clock.after(FOLLOW_LINGER_MS, () => this.#begin(this.#wanted));
  }

  /** Ends at once. */
  stop(): void {
    this.#cancelLinger?.();
    this.#wanted = 'none';
    this.#begin('none');
  }

  #begin(interest: Interest): void {
    if (interest === this.#interest) return;
    this.#interest = interest;
    this.#follower?.stop();
    this.#follower = undefined;
    if (interest === 'none') return;
    const idleMs = interest === 'watching' ? FOLLOW_WATCHING_MS : FOLLOW_SESSION_MS;
    this.#follower = new Follower({ ...this.#options, idleMs });
    this.#follower.start();
  }
}
