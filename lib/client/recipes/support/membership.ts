import type { Party } from '../party.js';
import type { PersistentNode } from '../persistent-node.js';
import type { WaitOptions } from './waiting.js';

/** One's place in a party: taken once however often it is asked for, and after a failure anew. */
export class Membership {
  readonly #party: Party;
  readonly #id: string;
  #node: Promise<PersistentNode> | undefined;

  constructor(party: Party, id: string) {
    this.#party = party;
    this.#id = id;
  }

  /** Resolves when the others know: true for the call that brought it about. */
  async join(options: WaitOptions): Promise<boolean> {
    if (this.#node !== undefined) {
      await this.#node;
      return false;
    }
    this.#node = this.#party.join(this.#id, options);
    try {
      await this.#node;
      return true;
    } catch (error) {
      this.#node = undefined;
      throw error;
    }
  }

  async leave(): Promise<void> {
    await (await this.#node)?.close();
  }
}
