import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

import type { LogLevel } from '../../base/logger.js';
import type { AuthSettings } from '../auth.js';
import type { MetricsSettings } from '../admin/metrics-server.js';
import type { AdminSettings } from '../admin/server.js';
import type { ListenAt } from '../listener.js';
import { resolveLimits, type GatewayLimits } from '../options.js';
import type { TlsSettings } from '../tls/certificates.js';
import { FOUR_LETTER_WORDS } from '../words.js';
import { ConfigError, type Values } from './values.js';

/** What a gateway serves, and where. Plain values only. */
export interface GatewaySettings {
  /** For clients without TLS. */
  readonly client?: ListenAt;
  readonly secure?: ListenAt & { readonly tls: TlsSettings };
  /** Where commands, metrics and health are served by HTTP; undefined: nowhere. */
  readonly admin?: AdminSettings;
  /** Where the metrics are served once more, by themselves; undefined: nowhere. */
  readonly metrics?: MetricsSettings;
  /** Whether every change is logged, with who made it. */
  readonly audit: boolean;
  readonly limits: Partial<GatewayLimits>;
  readonly fourLetterWords: readonly string[];
  /** Whom it knows besides those whom `digest`, `ip` and certificates prove. */
  readonly auth: AuthSettings;
  /** Whether hard quotas refuse what exceeds them. */
  readonly enforceQuota: boolean;
  /** Whether clients that allow it are served reads while the store cannot be reached. Default: false. */
  readonly readOnlyMode?: boolean;
  /** HOST:PORT under which others are told of this gateway, where it cannot be read from where it listens. */
  readonly advertisedAddress?: string;
  /** How long a stop waits for requests under way, ms. */
  readonly drainTimeoutMs: number;
}

/** The same, and where the data are and the logs go. */
export interface StandaloneSettings extends GatewaySettings {
  readonly namespace: string;
  readonly tablePrefix: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly logLevel: LogLevel;
  readonly followIdleMs: number;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** Throws {@link ConfigError} for what cannot be. */
export function standaloneSettings(values: Values): StandaloneSettings {
  return {
    ...gatewaySettings(values),
    namespace: name(values, 'namespace', /^[A-Za-z0-9._-]{1,64}$/),
    tablePrefix: name(values, 'tablePrefix', /^[A-Za-z0-9._-]{1,200}$/),
    ...(values.isGiven('endpoint') && { endpoint: url(values) }),
    ...(values.isGiven('region') && { region: name(values, 'region', /^[a-z0-9-]{1,40}$/) }),
    logLevel: values.choice('logLevel', LOG_LEVELS),
    followIdleMs: values.number('followIdleMs'),
  };
}

/** A gateway for the people of one machine: nothing but the port, and all four-letter words. A stop waits for nothing. */
export function localSettings(client: ListenAt): GatewaySettings & { readonly client: ListenAt } {
  const nothing = { audit: false, limits: {}, auth: {}, enforceQuota: false, drainTimeoutMs: 0 };
  return { client, ...nothing, fourLetterWords: FOUR_LETTER_WORDS };
}

/** Throws {@link ConfigError} for what cannot be. */
export function gatewaySettings(values: Values): GatewaySettings {
  const secure = listenAt(values, 'secureClientPort');
  const plain = listenAt(values, 'clientPort');
  // Somebody has to be able to connect: without TLS, 0 means a free port.
  const client = plain.port === 0 && secure.port !== 0 ? undefined : plain;
  return {
    ...(client !== undefined && { client }),
    ...(secure.port !== 0 && { secure: { ...secure, tls: tlsSettings(values) } }),
    ...(values.boolean('admin.enableServer') && { admin: adminSettings(values) }),
    ...metricsSettings(values),
    audit: values.boolean('audit.enable'),
    limits: limitsOf(values),
    fourLetterWords: wordsOf(values),
    auth: authOf(values),
    enforceQuota: values.boolean('enforceQuota'),
    readOnlyMode: values.boolean('readonlymode.enabled'),
    ...(values.isGiven('advertisedAddress') && { advertisedAddress: values.text('advertisedAddress') }),
    drainTimeoutMs: values.number('drainTimeoutMs'),
  };
}

function listenAt(values: Values, name: 'clientPort' | 'secureClientPort'): ListenAt {
  const backlog = values.number('clientPortListenBacklog');
  const host = values.text(`${name}Address`);
  return { host, port: values.port(name), ...(backlog > 0 && { backlog }) };
}

function adminSettings(values: Values): AdminSettings {
  const commandUrl = values.text('admin.commandURL');
  if (!/^(\/[A-Za-z0-9._-]+)+$/.test(commandUrl)) throw values.wrong('admin.commandURL', 'has to be a path');
  return { host: values.text('admin.serverAddress'), port: values.port('admin.serverPort'), commandUrl };
}

/** By the names of ZooKeeper's providers, with or without their package. */
function metricsSettings(values: Values): Pick<GatewaySettings, 'metrics'> {
  const [provider = ''] = values.text('metricsProvider.className').trim().split('.').slice(-1);
  if (provider === 'DefaultMetricsProvider' || provider === 'NullMetricsProvider') return {};
  if (provider !== 'PrometheusMetricsProvider') {
    const known = 'PrometheusMetricsProvider, DefaultMetricsProvider or NullMetricsProvider';
    throw values.wrong('metricsProvider.className', `has to be ${known}`);
  }
  const host = values.text('metricsProvider.httpHost');
  const port = values.port('metricsProvider.httpPort');
  return { metrics: { host, port, ofProcess: values.boolean('metricsProvider.exportJvmInfo') } };
}

function limitsOf(values: Values): Partial<GatewayLimits> {
  const optional = (name: 'minSessionTimeout' | 'maxSessionTimeout') => {
    const ms = values.number(name);
    return ms === -1 ? undefined : ms;
  };
  const min = optional('minSessionTimeout');
  const max = optional('maxSessionTimeout');
  const limits: Partial<GatewayLimits> = {
    tickTimeMs: values.number('tickTime'),
    ...(min !== undefined && { minSessionTimeoutMs: min }),
    ...(max !== undefined && { maxSessionTimeoutMs: max }),
    maxClientConnections: values.number('maxClientCnxns'),
    connectionsMax: values.number('maxCnxns'),
    juteMaxBuffer: values.number('jute.maxbuffer'),
    globalOutstandingLimit: values.number('globalOutstandingLimit'),
    requestThrottleLimit: values.number('requestThrottleLimit'),
    throttledOpWaitMs: values.number('throttledOpWaitTime'),
    connectionMaxTokens: values.number('connectionMaxTokens'),
    connectionTokenFillTimeMs: values.number('connectionTokenFillTime'),
    connectionTokenFillCount: values.number('connectionTokenFillCount'),
    connectionFreezeTimeMs: values.number('connectionFreezeTime'),
    connectionDropIncrease: values.number('connectionDropIncrease'),
    connectionDropDecrease: values.number('connectionDropDecrease'),
    connectionDecreaseRatio: values.number('connectionDecreaseRatio'),
    connectionOutstandingMax: values.number('connectionOutstandingMax'),
    connectionOutstandingBytesMax: values.number('connectionOutstandingBytesMax'),
    outputPauseBytes: values.number('outputPauseBytes'),
    outputBytesMax: values.number('outputBytesMax'),
    watchesPerConnectionMax: values.number('watchesPerConnectionMax'),
    handshakeTimeoutMs: values.number('handshakeTimeoutMs'),
    closeLingerMs: values.number('closeLingerMs'),
  };
  try {
    resolveLimits(limits);
  } catch (cause) {
    throw new ConfigError((cause as RangeError).message, { cause });
  }
  return limits;
}

function wordsOf(values: Values): readonly string[] {
  const words = values.list('4lw.commands.whitelist');
  if (words.includes('*')) return FOUR_LETTER_WORDS;
  const unknown = words.filter((word) => !FOUR_LETTER_WORDS.includes(word));
  if (unknown.length > 0) {
    throw values.wrong('4lw.commands.whitelist', `has words that are none: ${unknown.join(', ')}`);
  }
  return words;
}

function authOf(values: Values): AuthSettings {
  const usersFile = values.text('sasl.usersFile');
  const requireSasl = values.boolean('sessionRequireClientSASLAuth');
  if (requireSasl && usersFile === '') {
    throw new ConfigError('sessionRequireClientSASLAuth needs sasl.usersFile, or nobody could do anything');
  }
  return {
    ...(values.isGiven('DigestAuthenticationProvider.superDigest') && {
      superDigest: values.text('DigestAuthenticationProvider.superDigest'),
    }),
    ...(values.isGiven('superUser') && { superUser: values.text('superUser') }),
    ...(usersFile !== '' && { saslUsers: saslUsers(values, usersFile) }),
    requireSasl,
  };
}

/** Lines of user:password. What stands in them is told to nobody. */
function saslUsers(values: Values, file: string): Readonly<Record<string, string>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw values.wrong('sasl.usersFile', `cannot be read (${(cause as Error).message})`);
  }
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line, index) => {
      const colon = line.indexOf(':');
      if (colon < 1) throw values.wrong('sasl.usersFile', `has no user:password in its line ${index + 1}`);
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}

function tlsSettings(values: Values): TlsSettings {
  const files = values.list('ssl.keyStore.location');
  if (files.length === 0) {
    throw new ConfigError('secureClientPort needs ssl.keyStore.location: the files of certificate and key');
  }
  const clientAuth = values.choice('ssl.clientAuth', ['need', 'want', 'none'] as const);
  const trustFiles = values.list('ssl.trustStore.location');
  if (clientAuth !== 'none' && trustFiles.length === 0) {
    throw new ConfigError(
      `ssl.clientAuth=${clientAuth} needs ssl.trustStore.location, to tell whose certificates are good; ` +
        'ssl.clientAuth=none lets clients in without one',
    );
  }
  const protocols = values.list('ssl.enabledProtocols');
  const wrong = protocols.find((one) => one !== 'TLSv1.2' && one !== 'TLSv1.3');
  if (wrong !== undefined || protocols.length === 0) {
    throw values.wrong('ssl.enabledProtocols', 'has to be TLSv1.2, TLSv1.3 or both');
  }
  return {
    files,
    ...(values.isGiven('ssl.keyStore.password') && { password: values.text('ssl.keyStore.password') }),
    ...(values.isGiven('ssl.keyStore.passwordPath') && {
      passwordFile: values.text('ssl.keyStore.passwordPath'),
    }),
    trustFiles,
    clientAuth,
    oldest: protocols.includes('TLSv1.2') ? 'TLSv1.2' : 'TLSv1.3',
    newest: protocols.includes('TLSv1.3') ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: values.list('ssl.ciphersuites'),
    reload: values.boolean('client.certReload'),
  };
}

function name(values: Values, key: 'namespace' | 'tablePrefix' | 'region', pattern: RegExp): string {
  const text = values.text(key);
  if (!pattern.test(text)) throw values.wrong(key, 'has characters or a length that it cannot have');
  return text;
}

function url(values: Values): string {
  const text = values.text('endpoint');
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw values.wrong('endpoint', 'has to be a URL such as http://127.0.0.1:8000');
}

/** How others reach a gateway that listens there: an address that stands for all of a machine's is of no use to them. */
export function advertised(host: string, port: number): string {
  const isAny = host === '0.0.0.0' || host === '::';
  const name = isAny ? hostname() : host;
  return `${name.includes(':') ? `[${name}]` : name}:${port}`;
}
