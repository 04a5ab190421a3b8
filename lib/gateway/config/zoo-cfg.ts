import { parse } from 'dot-properties';

import { keyNamed } from './keys.js';
import { ConfigError, type Source } from './values.js';

/** Names that describe an ensemble: servers, votes, the time they have for each other. */
const OF_ENSEMBLES =
  /^(server\.\d+|group\.\d+|weight\.\d+|initLimit|syncLimit|cnxTimeout|electionAlg|electionPortBindRetry|peerType|leaderServes|quorum.*|ssl\.quorum\..*|sslQuorum.*|portUnification|dynamicConfigFile|standaloneEnabled|reconfigEnabled|skipACL|connectToLearnerMasterLimit|localSessions.*|observerMasterPort|observer\..*|learner\..*|leader\..*|follower\..*|syncEnabled|multiAddress\..*|tcpKeepAlive)$/;

/** Names that describe files which a ZooKeeper keeps. */
const OF_FILES =
  /^(dataLogDir|autopurge\..*|snapCount|preAllocSize|forceSync|fsync\..*|snapshot\..*|snapsync.*|snapshotSizeFactor|commitLogCount|txnLogSizeLimitInKb|serializeLastProcessedZxid\.enabled|digest\.enabled)$/;

/** Names that choose among what Java has, or turn on what is always on here. */
const OF_JAVA =
  /^(serverCnxnFactory|extendedTypesEnabled|emulate353TTLNodes|jaasLoginRenew|jaasLoginContext)$/;

/** Names by which authentication is added; only ZooKeeper's own is here. */
const OF_PROVIDERS = /^authProvider\..+$/;
const PROVIDERS = /^org\.apache\.zookeeper\.server\.auth\.(SASL|Digest|IP|X509)AuthenticationProvider$/;

type Kind = 'ensemble' | 'files' | 'java' | 'unknown';

/** What a zoo.cfg says to a gateway, and what has to be said about it. */
export interface ZooCfg extends Source {
  /** Where `zerokeeper server` keeps its data; a gateway keeps none. */
  readonly dataDir: string | undefined;
  /** What is left out, and why that is right. */
  readonly notices: readonly string[];
  /** Names that nobody knows: a typing error perhaps. */
  readonly warnings: readonly string[];
}

/** Reads the text of a zoo.cfg. Throws {@link ConfigError}. */
export function parseZooCfg(text: string, called: string): ZooCfg {
  const values = new Map<string, string>();
  const left: Record<Kind, string[]> = { ensemble: [], files: [], java: [], unknown: [] };
  let dataDir: string | undefined;
  for (const [name, value] of Object.entries(propertiesOf(text, called))) {
    if (keyNamed(name) !== undefined) values.set(name, value);
    else if (name === 'dataDir') dataDir = value.trim();
    else left[kindOf(name, value.trim())].push(name);
  }
  return {
    called,
    values,
    dataDir,
    notices: noticesOf(called, left),
    warnings: left.unknown.map(warning(called)),
  };
}

/** Nested values, which `dot-properties` can make, are no part of the format. */
function propertiesOf(text: string, called: string): Record<string, string> {
  try {
    return parse(text, false) as Record<string, string>;
  } catch (cause) {
    throw new ConfigError(`${called} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function kindOf(name: string, value: string): Kind {
  const plain = name.replace(/^zookeeper\./, '');
  if (OF_ENSEMBLES.test(plain)) return 'ensemble';
  if (OF_JAVA.test(plain) || (OF_PROVIDERS.test(plain) && PROVIDERS.test(value))) return 'java';
  return OF_FILES.test(plain) ? 'files' : 'unknown';
}

function noticesOf(called: string, left: Readonly<Record<Kind, string[]>>): string[] {
  const notices: string[] = [];
  if (left.ensemble.length > 0) {
    notices.push(
      `${called}: ${left.ensemble.join(', ')} not needed: there is no ensemble. Every gateway reads and writes the log in DynamoDB by ` +
        'itself, and DynamoDB keeps the copies; run as many gateways as you like.',
    );
  }
  if (left.files.length > 0) {
    notices.push(
      `${called}: ${left.files.join(', ')} not needed: the log is in DynamoDB, in no files of a server.`,
    );
  }
  if (left.java.length > 0) {
    notices.push(
      `${called}: ${left.java.join(', ')} not needed: ZooKeeper's ways to authenticate, TLS and TTL nodes are always there. The users of ` +
        'SASL, which a ZooKeeper has in a JAAS file, are in the file that sasl.usersFile names.',
    );
  }
  return notices;
}

function warning(called: string): (name: string) => string {
  return (name) => `${called}: ${name} is no setting that ZeroKeeper knows; it is ignored`;
}
