/**
 * What was added to and removed from a list of names that stays as it is. Cost and memory grow with the changes, not with
 * the list, so that one more child of 100 000 is cheap.
 */
export class ListDelta {
  /** In the order of the additions. */
  readonly #added = new Set<string>();
  readonly #removed = new Set<string>();

  add(name: string): void {
    this.#added.add(name);
  }

  remove(name: string): void {
    this.#added.delete(name);
    this.#removed.add(name);
  }

  /** The changed list: a live view, nothing is copied. */
  over(base: ReadonlySet<string>): ReadonlySet<string> {
    return new ChangedSet(base, this.#added, this.#removed);
  }
}

/**
 * `base` without `removed`, then `added`: in the order in which one plain set would be after the same changes, since a
 * name that was removed and added again stands at the end.
 */
class ChangedSet implements ReadonlySet<string> {
  readonly #base: ReadonlySet<string>;
  readonly #added: ReadonlySet<string>;
  readonly #removed: ReadonlySet<string>;

  constructor(base: ReadonlySet<string>, added: ReadonlySet<string>, removed: ReadonlySet<string>) {
    this.#base = base;
    this.#added = added;
    this.#removed = removed;
  }

  get size(): number {
    let size = this.#base.size;
    for (const name of this.#removed) if (this.#base.has(name)) size -= 1;
    for (const name of this.#added) if (!this.#kept(name)) size += 1;
    return size;
  }

  has(name: string): boolean {
    return this.#added.has(name) || this.#kept(name);
  }

  *values(): SetIterator<string> {
    for (const name of this.#base) if (!this.#removed.has(name)) yield name;
    for (const name of this.#added) if (!this.#kept(name)) yield name;
    return undefined;
  }

  keys(): SetIterator<string> {
    return this.values();
  }

  *entries(): SetIterator<[string, string]> {
    for (const name of this) yield [name, name];
    return undefined;
  }

  [Symbol.iterator](): SetIterator<string> {
    return this.values();
  }

  forEach(
    callback: (value: string, key: string, set: ReadonlySet<string>) => void,
    thisArgument?: unknown,
  ): void {
    for (const name of this) callback.call(thisArgument, name, name, this);
  }

  #kept(name: string): boolean {
    return this.#base.has(name) && !this.#removed.has(name);
  }
}
