/**
 * Closes sessions whose lease has ended. Triggered by the timers' queue (with partial batch responses), by the stream of the table
 * `leases` (OLD_IMAGE; only REMOVE records matter), and by a schedule as the backstop.
 */
import { expireFunction } from './shared/expire.js';
import { wiringFromEnvironment } from './shared/wiring.js';

export const handler = expireFunction(wiringFromEnvironment(process.env));
