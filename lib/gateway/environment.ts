import { arch, hostname, platform, release, userInfo } from 'node:os';

import { FULL_VERSION } from './version.js';

const MEGABYTE = 1024 * 1024;

/** Where a gateway runs, under ZooKeeper's names where they mean the same. */
export function environment(): readonly (readonly [string, string])[] {
  const memory = process.memoryUsage();
  return [
    ['zookeeper.version', FULL_VERSION],
    ['host.name', hostname()],
    ['node.version', process.version],
    ['os.name', platform()],
    ['os.arch', arch()],
    ['os.version', release()],
    ['user.name', userName()],
    ['user.dir', process.cwd()],
    ['memory.heap.used', `${Math.floor(memory.heapUsed / MEGABYTE)}MB`],
    ['memory.heap.total', `${Math.floor(memory.heapTotal / MEGABYTE)}MB`],
    ['memory.resident', `${Math.floor(memory.rss / MEGABYTE)}MB`],
  ];
}

/** Who runs the gateway. A container's user id need not have a name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '<NA>';
  }
}
