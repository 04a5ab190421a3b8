/**
 * Every setting of a gateway, under the name that ZooKeeper's administrators know, with ZooKeeper's default. What ZooKeeper has no
 * name for has one of its own. The help, the environment variables and the documentation are made from this table.
 */
export interface Key {
  readonly name: string;
  /** Other names that ZooKeeper reads the same from. */
  readonly aliases?: readonly string[];
  readonly kind: 'integer' | 'decimal' | 'boolean' | 'text' | 'list';
  /** The least value of a number. */
  readonly least?: number;
  /** As text; '' is not set. */
  readonly standard: string;
  readonly meaning: string;
}

const KEYS_OF_ZOOKEEPER = [
  {
    name: 'clientPort',
    kind: 'integer',
    least: 0,
    standard: '2181',
    meaning: 'port for clients without TLS; 0: none, or a free one when secureClientPort is 0, too',
  },
  { name: 'clientPortAddress', kind: 'text', standard: '0.0.0.0', meaning: 'address that it listens on' },
  {
    name: 'secureClientPort',
    kind: 'integer',
    least: 0,
    standard: '0',
    meaning: 'port for clients with TLS; 0: none',
  },
  {
    name: 'secureClientPortAddress',
    kind: 'text',
    standard: '0.0.0.0',
    meaning: 'address that it listens on',
  },
  {
    name: 'clientPortListenBacklog',
    kind: 'integer',
    least: -1,
    standard: '-1',
    meaning: "connections that wait to be accepted; -1: the system's choice",
  },
  {
    name: 'tickTime',
    kind: 'integer',
    least: 1,
    standard: '2000',
    meaning: 'ms, the unit of the session timeouts',
  },
  { name: 'minSessionTimeout', kind: 'integer', least: -1, standard: '-1', meaning: 'ms; -1: 2 ticks' },
  { name: 'maxSessionTimeout', kind: 'integer', least: -1, standard: '-1', meaning: 'ms; -1: 20 ticks' },
  {
    name: 'maxClientCnxns',
    kind: 'integer',
    least: 0,
    standard: '60',
    meaning: 'connections from one address; 0: no limit',
  },
  {
    name: 'maxCnxns',
    kind: 'integer',
    least: 0,
    standard: '0',
    meaning: 'connections of all addresses; 0: no limit',
  },
  { name: 'jute.maxbuffer', kind: 'integer', least: 1, standard: '1048575', meaning: 'bytes of one request' },
  {
    name: 'globalOutstandingLimit',
    kind: 'integer',
    least: 1,
    standard: '1000',
    meaning: 'requests without an answer; beyond, none are read',
  },
  {
    name: 'DigestAuthenticationProvider.superDigest',
    kind: 'text',
    standard: '',
    meaning: 'user:base64(sha1(user:password)) of the user of scheme digest who may do everything',
  },
  {
    name: 'superUser',
    kind: 'text',
    standard: '',
    meaning: 'the user of scheme sasl who may do everything',
  },
  {
    name: 'sessionRequireClientSASLAuth',
    kind: 'boolean',
    standard: 'false',
    meaning: 'whether sessions are closed that have not authenticated by SASL',
  },
  {
    name: 'readonlymode.enabled',
    kind: 'boolean',
    standard: 'false',
    meaning: 'whether clients that allow it are served reads while DynamoDB cannot be reached',
  },
  {
    name: 'enforceQuota',
    kind: 'boolean',
    standard: 'false',
    meaning: 'whether hard quotas refuse what exceeds them',
  },
  {
    name: 'requestThrottleLimit',
    aliases: ['request_throttle_max_requests'],
    kind: 'integer',
    least: 0,
    standard: '0',
    meaning: 'requests that are worked on; beyond, they wait; 0: no limit',
  },
  {
    name: 'throttledOpWaitTime',
    aliases: ['throttled_op_wait_time'],
    kind: 'integer',
    least: 0,
    standard: '0',
    meaning: 'ms; a request that waited longer is refused with ThrottledOp; 0: never',
  },
  {
    name: 'connectionMaxTokens',
    aliases: ['connection_throttle_tokens'],
    kind: 'integer',
    least: 0,
    standard: '0',
    meaning: 'connections that may be opened at once; 0: no limit',
  },
  {
    name: 'connectionTokenFillTime',
    aliases: ['connection_throttle_fill_time'],
    kind: 'integer',
    least: 1,
    standard: '1',
    meaning: 'ms after which there are connectionTokenFillCount more',
  },
  {
    name: 'connectionTokenFillCount',
    aliases: ['connection_throttle_fill_count'],
    kind: 'integer',
    least: 1,
    standard: '1',
    meaning: 'connections',
  },
  {
    name: 'connectionFreezeTime',
    aliases: ['connection_throttle_freeze_time'],
    kind: 'integer',
    least: -1,
    standard: '-1',
    meaning: 'ms between changes of the chance to be dropped; -1: none are dropped by chance',
  },
  {
    name: 'connectionDropIncrease',
    aliases: ['connection_throttle_drop_increase'],
    kind: 'decimal',
    least: 0,
    standard: '0.02',
    meaning: 'what the chance grows by while there are no tokens',
  },
  {
    name: 'connectionDropDecrease',
    aliases: ['connection_throttle_drop_decrease'],
    kind: 'decimal',
    least: 0,
    standard: '0.002',
    meaning: 'what it shrinks by while there are',
  },
  {
    name: 'connectionDecreaseRatio',
    aliases: ['connection_throttle_decrease_ratio'],
    kind: 'decimal',
    least: 0,
    standard: '0',
    meaning: 'part of the tokens that may be spent for that',
  },
  {
    name: '4lw.commands.whitelist',
    kind: 'list',
    standard: 'srvr',
    meaning: 'four-letter words that are answered; *: all',
  },
  {
    name: 'admin.enableServer',
    kind: 'boolean',
    standard: 'true',
    meaning: 'whether /commands, /metrics and /health are served by HTTP',
  },
  {
    name: 'admin.serverAddress',
    kind: 'text',
    standard: '0.0.0.0',
    meaning: 'address that they are served on',
  },
  { name: 'admin.serverPort', kind: 'integer', least: 0, standard: '8080', meaning: 'their port' },
  { name: 'admin.commandURL', kind: 'text', standard: '/commands', meaning: 'where the commands are' },
  {
    name: 'metricsProvider.className',
    kind: 'text',
    standard: 'org.apache.zookeeper.metrics.impl.DefaultMetricsProvider',
    meaning: 'PrometheusMetricsProvider: /metrics is served on a port of its own, too',
  },
  {
    name: 'metricsProvider.httpHost',
    kind: 'text',
    standard: '0.0.0.0',
    meaning: 'address that it is served on',
  },
  { name: 'metricsProvider.httpPort', kind: 'integer', least: 0, standard: '7000', meaning: 'its port' },
  {
    name: 'metricsProvider.exportJvmInfo',
    kind: 'boolean',
    standard: 'true',
    meaning: 'whether it has the figures of the process',
  },
  {
    name: 'audit.enable',
    kind: 'boolean',
    standard: 'false',
    meaning: 'whether every change is logged, with who made it',
  },
  {
    name: 'ssl.keyStore.location',
    kind: 'list',
    standard: '',
    meaning: 'files with certificate and key: PEM (one, or two with a comma between them), or PKCS12',
  },
  { name: 'ssl.keyStore.password', kind: 'text', standard: '', meaning: 'password of the key' },
  { name: 'ssl.keyStore.passwordPath', kind: 'text', standard: '', meaning: 'file that holds it' },
  {
    name: 'ssl.trustStore.location',
    kind: 'list',
    standard: '',
    meaning: "PEM files with the certificates of those who sign clients' certificates",
  },
  {
    name: 'ssl.clientAuth',
    kind: 'text',
    standard: 'need',
    meaning: 'need, want or none: whether clients show a certificate',
  },
  {
    name: 'ssl.enabledProtocols',
    kind: 'list',
    standard: 'TLSv1.2,TLSv1.3',
    meaning: 'TLSv1.2, TLSv1.3 or both',
  },
  {
    name: 'ssl.ciphersuites',
    kind: 'list',
    standard: '',
    meaning: "names as OpenSSL has them, instead of Node.js's own choice",
  },
  {
    name: 'client.certReload',
    kind: 'boolean',
    standard: 'true',
    meaning: "whether certificates are read again when their files change (ZooKeeper's default is false)",
  },
] as const satisfies readonly Key[];

const KEYS_OF_GATEWAYS = [
  { name: 'namespace', kind: 'text', standard: 'default', meaning: 'the tree that is served' },
  {
    name: 'tablePrefix',
    kind: 'text',
    standard: 'zerokeeper',
    meaning: 'what the names of the DynamoDB tables begin with',
  },
  { name: 'endpoint', kind: 'text', standard: '', meaning: "URL of a DynamoDB other than AWS's" },
  { name: 'region', kind: 'text', standard: '', meaning: "AWS Region; otherwise the environment's" },
  {
    name: 'advertisedAddress',
    kind: 'text',
    standard: '',
    meaning: 'HOST:PORT under which other gateways and tools are told of this one',
  },
  {
    name: 'logLevel',
    kind: 'text',
    standard: 'info',
    meaning: 'debug, info, warn or error, as JSON on standard error',
  },
  {
    name: 'sasl.usersFile',
    kind: 'text',
    standard: '',
    meaning: 'file with a line user:password for each user of SASL DIGEST-MD5',
  },
  {
    name: 'drainTimeoutMs',
    kind: 'integer',
    least: 0,
    standard: '10000',
    meaning: 'how long a stop waits for requests under way',
  },
  {
    name: 'followIdleMs',
    kind: 'integer',
    least: 20,
    standard: '250',
    meaning: "the longest pause between two looks at the log's end",
  },
  {
    name: 'connectionOutstandingMax',
    kind: 'integer',
    least: 1,
    standard: '256',
    meaning: 'requests of one connection without an answer',
  },
  {
    name: 'connectionOutstandingBytesMax',
    kind: 'integer',
    least: 1,
    standard: '4194304',
    meaning: 'their bytes',
  },
  {
    name: 'outputPauseBytes',
    kind: 'integer',
    least: 1,
    standard: '1048576',
    meaning: 'bytes that a client has not taken; beyond, no request of its is begun',
  },
  {
    name: 'outputBytesMax',
    kind: 'integer',
    least: 1,
    standard: '16777216',
    meaning: 'bytes that a client has not taken; beyond, it is hung up',
  },
  {
    name: 'watchesPerConnectionMax',
    kind: 'integer',
    least: 1,
    standard: '500000',
    meaning: 'watches of one connection',
  },
  {
    name: 'handshakeTimeoutMs',
    kind: 'integer',
    least: 1,
    standard: '30000',
    meaning: 'from the first byte to an open session',
  },
  {
    name: 'closeLingerMs',
    kind: 'integer',
    least: 1,
    standard: '1000',
    meaning: "how long a closed connection's last bytes are waited for",
  },
] as const satisfies readonly Key[];

export const KEYS: readonly Key[] = [...KEYS_OF_ZOOKEEPER, ...KEYS_OF_GATEWAYS];

export type KeyName = (typeof KEYS_OF_ZOOKEEPER | typeof KEYS_OF_GATEWAYS)[number]['name'];

const BY_NAME = new Map<string, Key>(
  KEYS.flatMap((key) => [key.name, ...(key.aliases ?? [])].map((name) => [name, key] as const)),
);

/** The setting that a name means; ZooKeeper's Java properties may keep their `zookeeper.` in front. */
export function keyNamed(name: string): Key | undefined {
  return BY_NAME.get(name) ?? BY_NAME.get(name.replace(/^zookeeper\./, ''));
}

/** The environment variable of a setting: `admin.serverPort` is ZEROKEEPER_ADMIN_SERVER_PORT. */
export function variableOf(name: string): string {
  const words = name.replaceAll(/([a-z])([A-Z])/g, '$1_$2').replaceAll(/[^A-Za-z0-9]+/g, '_');
  return `ZEROKEEPER_${words.toUpperCase()}`;
}
