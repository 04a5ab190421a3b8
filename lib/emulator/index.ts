/**
 * ZeroKeeper in this process, in memory, for tests: any number side by side, each ready in a fraction of a second, with a clock that
 * can be moved on.
 *
 * @module
 */
export {
  startEmulator,
  type ConnectOptionsOf,
  type MemoryEmulator,
  type MemoryEmulatorOptions,
} from './memory/emulator.js';
export type { AuthSettings } from '../gateway/auth.js';
export type { LogFields, Logger } from '../base/logger.js';
