/** A bounded map that evicts what was not asked for since the hand last came by (the CLOCK algorithm). */
interface Slot<V> {
  value: V;
  weight: number;
  referenced: boolean;
}

/**
 * A cache with a bound in weight. Reading marks a slot with one flag, so that the hot path does no list surgery; the hand
 * moves only when the bound is exceeded. The newest slot and pinned ones are never evicted, so the bound may be exceeded
 * by as much as is pinned at one time.
 */
export class ClockCache<K, V> {
  readonly #slots = new Map<K, Slot<V>>();
  readonly #weightMax: number;
  readonly #isPinned: (key: K) => boolean;
  #weight = 0;
  #evictions = 0;

  constructor(weightMax: number, isPinned: (key: K) => boolean) {
    this.#weightMax = weightMax;
    this.#isPinned = isPinned;
  }

  get weight(): number {
    return this.#weight;
  }

  get size(): number {
    return this.#slots.size;
  }

  get evictions(): number {
    return this.#evictions;
  }

  get(key: K): V | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    slot.referenced = true;
    return slot.value;
  }

  has(key: K): boolean {
    return this.#slots.has(key);
  }

  set(key: K, value: V, weight: number): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) {
      this.#slots.set(key, { value, weight, referenced: true });
      this.#weight += weight;
    } else {
      this.#weight += weight - slot.weight;
      slot.value = value;
      slot.weight = weight;
      slot.referenced = true;
    }
    if (this.#weight > this.#weightMax) this.#evict(key);
  }

  /** Changes the weight of a value that was changed in place. */
  reweigh(key: K, by: number): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    slot.weight += by;
    this.#weight += by;
    if (this.#weight > this.#weightMax) this.#evict(key);
  }

  clear(): void {
    this.#slots.clear();
    this.#weight = 0;
  }

  #evict(newest: K): void {
    // Two rounds are enough to clear every flag once and then find every slot that may go.
    let steps = this.#slots.size * 2;
    for (const [key, slot] of this.#slots) {
      if (this.#weight <= this.#weightMax || steps-- <= 0) return;
      if (key === newest || slot.referenced || this.#isPinned(key)) {
        slot.referenced = false;
        this.#slots.delete(key);
        this.#slots.set(key, slot);
      } else {
        this.#slots.delete(key);
        this.#weight -= slot.weight;
        this.#evictions++;
      }
    }
  }
}
