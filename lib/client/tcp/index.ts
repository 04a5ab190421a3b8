/** A client of ZooKeeper's own protocol: for ZeroKeeper's gateways and for a real ZooKeeper. */
export * from './connection.js';
export type { MultiOperationInput, MultiOperationResult } from './multi.js';
export * from './servers.js';
export { dialer, type Dial } from './channel.js';
export { askFourLetterWord, type WordTarget } from './four-letter-word.js';
export type { SessionState, StateListener } from './session.js';
export type { WatchEvent, WatchEventKind, WatchListener } from './watches.js';
export { OUTSTANDING_REQUESTS_MAX, QUEUED_REQUESTS_MAX } from './requests.js';
// By the name that users of ZooKeeper's own protocol know.
export { MultiError, ZeroKeeperError as ZooKeeperError } from '../errors.js';
