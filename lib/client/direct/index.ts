/** A transport that needs no server: a keeper in this process, on the tables themselves. */
export { createDirectTransport, DirectTransport } from './transport.js';
export type { DirectStoreOptions, DirectTransportOptions } from './options.js';
