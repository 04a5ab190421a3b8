import { KEYS, keyNamed, variableOf, type Key, type KeyName } from './keys.js';

/** A setting is wrong. The message says which, where it was given, and what would be right. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Settings that were given in one place, under their names. */
export interface Source {
  /** For messages: `zoo.cfg`, `the environment`. */
  readonly called: string;
  /** A name of {@link KEYS}, or an alias, to text. */
  readonly values: ReadonlyMap<string, string>;
}

const LIMIT = Number.MAX_SAFE_INTEGER;

/** All settings, each from the first source that gives it, or its default. Texts are checked when they are asked for. */
export class Values {
  readonly #given = new Map<string, { readonly text: string; readonly called: string }>();

  /** The first source is the strongest. */
  constructor(sources: readonly Source[]) {
    for (const { called, values } of sources.toReversed()) {
      for (const [name, text] of values) {
        const key = keyNamed(name);
        if (key !== undefined) this.#given.set(key.name, { text: text.trim(), called });
      }
    }
  }

  /** Whether anybody gave it; an empty text is as good as none. */
  isGiven(name: KeyName): boolean {
    return (this.#given.get(name)?.text ?? '') !== '';
  }

  text(name: KeyName): string {
    const given = this.#given.get(name)?.text ?? '';
    return given === '' ? this.#key(name).standard : given;
  }

  /** Throws {@link ConfigError}. */
  number(name: KeyName): number {
    const { kind, least = 0 } = this.#key(name);
    const text = this.text(name);
    const pattern = kind === 'integer' ? /^-?\d+$/ : /^\d+(\.\d+)?$/;
    const value = pattern.test(text) ? Number(text) : NaN;
    if (value >= least && value <= LIMIT) return value;
    throw this.wrong(
      name,
      `has to be ${kind === 'integer' ? 'a whole number' : 'a number'} of at least ${least}`,
    );
  }

  /** Throws {@link ConfigError}. */
  port(name: KeyName): number {
    const port = this.number(name);
    if (port > 65_535) throw this.wrong(name, 'has to be a port from 0 to 65535');
    return port;
  }

  /** Throws {@link ConfigError}. */
  boolean(name: KeyName): boolean {
    const text = this.text(name).toLowerCase();
    if (text === 'true' || text === 'yes') return true;
    if (text === 'false' || text === 'no') return false;
    throw this.wrong(name, 'has to be true or false');
  }

  /** What stands between the commas. */
  list(name: KeyName): readonly string[] {
    return this.text(name)
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '');
  }

  /** Throws {@link ConfigError}. */
  choice<T extends string>(name: KeyName, choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.text(name).toLowerCase());
    if (found === undefined) throw this.wrong(name, `has to be one of ${choices.join(', ')}`);
    return found;
  }

  wrong(name: KeyName, how: string): ConfigError {
    const given = this.#given.get(name);
    const where = given === undefined ? '' : ` in ${given.called}`;
    const isSecret = /password$/i.test(name);
    return new ConfigError(
      `${name}${where} ${how}${isSecret ? '' : `, but is ${JSON.stringify(this.text(name))}`}`,
    );
  }

  #key(name: KeyName): Key {
    const key = keyNamed(name);
    if (key === undefined) throw new TypeError(`${name} is no setting`);
    return key;
  }
}

/** What the environment says. */
export function sourceOfEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const values = new Map<string, string>();
  for (const { name } of KEYS) {
    const text = env[variableOf(name)];
    if (text !== undefined) values.set(name, text);
  }
  return { called: 'the environment', values };
}
