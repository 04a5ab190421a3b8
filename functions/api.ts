/**
 * Answers thin clients: a request of the protocol in `lib/wire/thin-protocol.ts` in, an answer out. Invoked by its clients with
 * IAM (`lambda:InvokeFunction` on an alias opens one namespace), or through a function URL.
 */
import { apiHandler } from './shared/api.js';
import { wiringFromEnvironment } from './shared/wiring.js';

export const handler = apiHandler(wiringFromEnvironment(process.env));
