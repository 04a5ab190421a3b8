/** The ZooKeeper release whose behaviour the gateway keeps to. Clients read it to find out what a server can do. */
export const ZOOKEEPER_VERSION = '3.9.5';

/** This package's own version and the day of its release; a test compares the version with package.json. */
export const PACKAGE_VERSION = '0.1.0';
export const RELEASED_AT = '2025-11-22 00:00 UTC';

/**
 * As `srvr`, `envi` and `mntr` print it. Clients take the digits up to the first hyphen for the version, monitoring takes what
 * stands before the comma for the build.
 */
export const FULL_VERSION = `${ZOOKEEPER_VERSION}-zerokeeper-${PACKAGE_VERSION}, built on ${RELEASED_AT}`;
