/**
 * Writes the state after each entry of the log into rows that can be read by key. Triggered by the stream of the table
 * `log` (KEYS_ONLY), by a schedule as the backstop, and by keepers with `{ namespace }`.
 */
import { materializeHandler } from './shared/materialize.js';
import { wiringFromEnvironment } from './shared/wiring.js';

export const handler = materializeHandler(wiringFromEnvironment(process.env));
