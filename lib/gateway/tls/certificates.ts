import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type TlsOptions } from 'node:tls';

import type { CancelTimer, Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';

/** How a port speaks TLS. Plain values only. */
export interface TlsSettings {
  /** PEM files that hold certificates and key between them, or one PKCS12 file. */
  readonly files: readonly string[];
  readonly password?: string;
  readonly passwordFile?: string;
  /** PEM files with the certificates of those who sign clients'. */
  readonly trustFiles: readonly string[];
  /** `need` refuses clients without a certificate, `want` asks for one, `none` does not ask. */
  readonly clientAuth: 'need' | 'want' | 'none';
  readonly oldest: 'TLSv1.2' | 'TLSv1.3';
  readonly newest: 'TLSv1.2' | 'TLSv1.3';
  /** Empty: Node.js's own choice. */
  readonly ciphers: readonly string[];
  /** Whether files that change are read again. */
  readonly reload: boolean;
}

/** Certificate files cannot be used. The message says which and why. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** How often the files are looked at. Not a watch on them: Kubernetes swaps the directory above them. */
export const CERTIFICATE_POLL_MS = 10_000;

/**
 * The certificates of a port. While it runs, files that changed are read again, and what they hold serves the connections that come
 * after; those that are open go on. Files that cannot be used are reported and change nothing: half of a swap is read again.
 */
export class Certificates {
  readonly #settings: TlsSettings;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #fingerprint = '';
  #cancel: CancelTimer | undefined;
  #stopped = false;

  constructor(options: { readonly settings: TlsSettings; readonly clock: Clock; readonly logger: Logger }) {
    this.#settings = options.settings;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** What a TLS server takes. Throws {@link CertificateError}. */
  async load(): Promise<TlsOptions> {
    this.#fingerprint = await this.#look();
    return this.#read();
  }

  /** Begins to look for changes; `use` takes what the files hold then. */
  follow(use: (options: TlsOptions) => void): void {
    if (!this.#settings.reload || this.#stopped) return;
    this.#cancel = this.#clock.after(CERTIFICATE_POLL_MS, () => {
      void this.#refresh(use).finally(() => this.follow(use));
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #refresh(use: (options: TlsOptions) => void): Promise<void> {
    try {
      const fingerprint = await this.#look();
      if (fingerprint === this.#fingerprint || this.#stopped) return;
      use(await this.#read());
      this.#fingerprint = fingerprint;
      this.#logger.info('certificates were read again', { files: this.#settings.files });
    } catch (error) {
      this.#logger.error('changed certificates cannot be used: those from before are kept', { error });
    }
  }

  async #look(): Promise<string> {
    const { files, trustFiles, passwordFile } = this.#settings;
    const all = [...files, ...trustFiles, ...(passwordFile === undefined ? [] : [passwordFile])];
    const looks = await Promise.all(all.map((file) => attempt(file, () => stat(file))));
    return looks.map(({ ino, size, mtimeMs }) => `${ino}/${size}/${mtimeMs}`).join(' ');
  }

  async #read(): Promise<TlsOptions> {
    const { files, trustFiles, clientAuth, oldest, newest, ciphers } = this.#settings;
    const trusted = await Promise.all(trustFiles.map(read));
    const options: TlsOptions = {
      ...(await this.#keys(files)),
      ...(trusted.length > 0 && { ca: trusted }),
      ...(ciphers.length > 0 && { ciphers: ciphers.join(':') }),
      minVersion: oldest,
      maxVersion: newest,
      requestCert: clientAuth !== 'none',
      rejectUnauthorized: clientAuth === 'need',
    };
    try {
      createSecureContext(options);
    } catch (cause) {
      const { message } = cause as Error;
      throw new CertificateError(`${files.join(', ')}: ${message}`, { cause });
    }
    return options;
  }

  async #keys(files: readonly string[]): Promise<TlsOptions> {
    const passphrase = await this.#password();
    const secret = passphrase === undefined ? {} : { passphrase };
    const contents = await Promise.all(files.map(read));
    const [only] = contents;
    if (contents.length === 1 && only !== undefined && !only.includes('-----BEGIN'))
      return { pfx: only, ...secret };
    const pem = Buffer.concat(contents.flatMap((content) => [content, Buffer.from('\n')]));
    if (!pem.includes('-----BEGIN CERTIFICATE-----'))
      throw new CertificateError(`${files.join(', ')}: no certificate in PEM`);
    if (!pem.includes('PRIVATE KEY-----'))
      throw new CertificateError(`${files.join(', ')}: no private key in PEM`);
    return { cert: pem, key: pem, ...secret };
  }

  async #password(): Promise<string | undefined> {
    const { password, passwordFile } = this.#settings;
    if (passwordFile === undefined) return password;
    return (await read(passwordFile)).toString('utf8').replace(/\r?\n$/, '');
  }
}

function read(file: string): Promise<Buffer> {
  return attempt(file, () => readFile(file));
}

async function attempt<T>(file: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw new CertificateError(`${file}: ${(cause as Error).message}`, { cause });
  }
}
