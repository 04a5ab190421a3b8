import { ErrorCode } from '../core/errors.js';
import { errorFrom } from './errors.js';

/** Translates between the caller's paths and the server's when the caller lives below a chroot. */
export class Chroot {
  readonly #prefix: string;

  /** '' for none. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Throws a ZeroKeeperError with BadArguments for a path that is not absolute. The rest is the server's to judge. */
  toServer(path: string): string {
    if (!path.startsWith('/')) throw errorFrom({ code: ErrorCode.BadArguments, path });
    if (this.#prefix === '') return path;
    return path === '/' ? this.#prefix : this.#prefix + path;
  }

  toCaller(path: string): string {
    if (this.#prefix === '' || !path.startsWith(this.#prefix)) return path;
    return path.slice(this.#prefix.length) || '/';
  }
}
