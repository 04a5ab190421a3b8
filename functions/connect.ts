/** The routes $connect, $disconnect and $default of the WebSocket API, over which thin clients are told that there is something to fetch. */
import { connectHandler } from './shared/connect.js';
import { watchWiringFromEnvironment } from './shared/watch-wiring.js';

export const handler = connectHandler(watchWiringFromEnvironment(process.env));
