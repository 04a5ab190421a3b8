import { ErrorCode } from '../../core/errors.js';
import { errorFrom, type ZeroKeeperError } from '../errors.js';

export const DEFAULT_PORT = 2181;
const PORT_MAX = 65_535;

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface ConnectString {
  readonly servers: readonly ServerAddress[];
  /** '' when there is none. */
  readonly chroot: string;
}

/**
 * Parses ZooKeeper's connect string, `host:port,host:port/chroot`. The port may be left out; an IPv6 address stands in
 * brackets. Throws a {@link ZeroKeeperError} with BadArguments when it is not one.
 */
export function parseConnectString(text: string): ConnectString {
  const slash = text.indexOf('/');
  const hosts = slash < 0 ? text : text.slice(0, slash);
  const chroot = slash < 0 ? '' : text.slice(slash);
  const servers = hosts.split(',').map((server) => parseServer(server.trim()));
  return { servers, chroot: checkChroot(chroot) };
}

/** '' for none; `/` is none, too. */
export function checkChroot(chroot: string): string {
  if (chroot === '' || chroot === '/') return '';
  if (!chroot.startsWith('/') || chroot.endsWith('/')) throw badArgument(`not a chroot: ${chroot}`);
  return chroot;
}

function parseServer(text: string): ServerAddress {
  const match = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:[\]]+))(?::(?<port>\d{1,5}))?$/.exec(text);
  const host = match?.groups?.['bracketed'] ?? match?.groups?.['plain'];
  const port = Number(match?.groups?.['port'] ?? DEFAULT_PORT);
  if (host === undefined || port < 1 || port > PORT_MAX) {
    throw badArgument(`not a server's address: ${JSON.stringify(text)}`);
  }
  return { host, port };
}

function badArgument(message: string): ZeroKeeperError {
  return errorFrom({ code: ErrorCode.BadArguments, path: message });
}
