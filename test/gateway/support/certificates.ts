import 'reflect-metadata';

import type { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { afterAll } from 'vitest';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
x509.cryptoProvider.set(globalThis.crypto);

export interface Issued {
  readonly certificate: x509.X509Certificate;
  readonly pem: string;
  readonly key: string;
}

/** Somebody who signs certificates. */
export class Authority {
  #serial = 1;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly certificate: x509.X509Certificate;

  private constructor(keys: webcrypto.CryptoKeyPair, certificate: x509.X509Certificate) {
    this.#keys = keys;
    this.certificate = certificate;
  }

  static async create(): Promise<Authority> {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...validity(),
      serialNumber: '01',
      name: 'CN=Test Authority',
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
    });
    return new Authority(keys, certificate);
  }

  get pem(): string {
    return this.certificate.toString('pem');
  }

  async issue(subject: x509.JsonName | string): Promise<Issued> {
    const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity(),
      serialNumber: (++this.#serial).toString(16).padStart(2, '0'),
      subject,
      issuer: this.certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
    });
    const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      certificate,
      pem: certificate.toString('pem'),
      key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    };
  }
}

/** Files of a test file, in a directory that is gone after it. */
export function useFiles(): (name: string, content: string) => string {
  const directory = mkdtempSync(join(tmpdir(), 'zerokeeper-tls-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  return (name, content) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  };
}

function validity() {
  const nowMs = Date.now();
  return { notBefore: new Date(nowMs - 3_600_000), notAfter: new Date(nowMs + 86_400_000) };
}
