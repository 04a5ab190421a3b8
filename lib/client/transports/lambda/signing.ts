import type { SignatureV4 } from '@smithy/signature-v4';
import { missingPackage } from './invoke.js';

/** How long a signed WebSocket URL may wait to be opened. */
export const URL_SIGNATURE_SECONDS = 60;

/** The parts of a signed HTTP request. */
export interface SignedRequest {
  readonly url: string;
  readonly method: 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface SigningOptions {
  readonly region?: string | undefined;
  readonly credentials?: AwsCredentials | (() => Promise<AwsCredentials>) | undefined;
  /** When it is, for the signature. */
  readonly now: () => number;
}

/** An identity of IAM, as the AWS SDK's providers give it. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * Signs as AWS wants it (Signature Version 4), with the credentials and the region that the AWS SDK finds where the application says
 * nothing. The SDK is loaded at the first signature.
 */
export class Signer {
  readonly #options: SigningOptions;
  #signers = new Map<string, Promise<SignatureV4>>();

  constructor(options: SigningOptions) {
    this.#options = options;
  }

  /** A URL that opens a WebSocket for whoever has it, within {@link URL_SIGNATURE_SECONDS}. */
  async webSocketUrl(text: string): Promise<string> {
    const url = new URL(text);
    const signer = await this.#signer('execute-api', url);
    const { hostname, pathname: path } = url;
    const request = { method: 'GET', protocol: url.protocol, hostname, path, headers: { host: url.host } };
    const signed = await signer.presign(
      { ...request, query: Object.fromEntries(url.searchParams) },
      { expiresIn: URL_SIGNATURE_SECONDS, signingDate: new Date(this.#options.now()) },
    );
    const query = new URLSearchParams(signed.query as Record<string, string>);
    return `${url.protocol}//${url.host}${path}?${query.toString()}`;
  }

  /** A POST of JSON to a function URL. */
  async post(text: string, body: Uint8Array): Promise<SignedRequest> {
    const url = new URL(text);
    const signer = await this.#signer('lambda', url);
    const headers = { host: url.host, 'content-type': 'application/json' };
    const { hostname, pathname: path, protocol } = url;
    const signed = await signer.sign(
      { method: 'POST', protocol, hostname, path, query: {}, headers, body },
      { signingDate: new Date(this.#options.now()) },
    );
    return { url: url.href, method: 'POST', headers: signed.headers, body };
  }

  #signer(service: string, url: URL): Promise<SignatureV4> {
    const region = regionOf(url) ?? this.#options.region;
    const key = `${service} ${region ?? ''}`;
    let signer = this.#signers.get(key);
    if (signer === undefined) {
      signer = makeSigner({ ...this.#options, region }, service);
      signer.catch(() => this.#signers.delete(key));
      this.#signers.set(key, signer);
    }
    return signer;
  }
}

async function makeSigner(options: Omit<SigningOptions, 'now'>, service: string): Promise<SignatureV4> {
  const [{ LambdaClient }, { SignatureV4: Signature }] = await Promise.all([
    import('@aws-sdk/client-lambda').catch((error: unknown) => {
      throw missingPackage('@aws-sdk/client-lambda', error);
    }),
    import('@smithy/signature-v4').catch((error: unknown) => {
      throw missingPackage('@smithy/signature-v4', error);
    }),
  ]);
  const { region, credentials } = options;
  // Only for what the SDK finds out by itself: credentials, region, and the hash function of this platform.
  const { config } = new LambdaClient({
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  });
  const found = { region: config.region, credentials: config.credentials, sha256: config.sha256 };
  return new Signature({ service, ...found });
}

/** `ID.execute-api.REGION.amazonaws.com` and `ID.lambda-url.REGION.on.aws` name their region; other hosts do not. */
function regionOf({ hostname }: URL): string | undefined {
  return /\.(?:execute-api|lambda-url)\.([a-z0-9-]+)\./.exec(hostname)?.[1];
}

/** Whether a WebSocket is API Gateway's own, which this project's stack lets in with a signature only. */
export function isApiGateway(url: string): boolean {
  return URL.canParse(url) && /\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/.test(new URL(url).hostname);
}
