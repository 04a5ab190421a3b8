/**
 * Marks the watches of thin clients that the log fires, and hints at them over the WebSocket. Triggered by the stream of the table
 * `log` (KEYS_ONLY), by writers with `{ namespace, zxid }`, which is sooner, and by a schedule as the backstop.
 */
import { notifyHandler } from './shared/notify.js';
import { watchWiringFromEnvironment } from './shared/watch-wiring.js';

export const handler = notifyHandler(watchWiringFromEnvironment(process.env));
