/**
 * Closes sessions whose lease has ended. Triggered by the stream of the table `leases` (OLD_IMAGE; only REMOVE records
 * matter) and by a schedule as the backstop.
 */
import { expireHandler } from './shared/expire.js';
import { wiringFromEnvironment } from './shared/wiring.js';

export const handler = expireHandler(wiringFromEnvironment(process.env));
