/** What the supervisor and its gateway processes tell each other over the channel that fork opens. */
import type { LogLevel } from '../base/logger.js';
import type { GatewaySettings } from '../gateway/config/settings.js';
import type { ListenAt } from '../gateway/listener.js';
import type { ProcessIdentity } from './process-identity.js';

/** Everything a gateway process needs to know. Plain values only. */
export interface GatewayConfig {
  readonly namespace: string;
  readonly tablePrefix: string;
  /** Where DynamoDB's API is. */
  readonly endpoint: string;
  readonly settings: GatewaySettings & { readonly client: ListenAt };
  readonly logLevel: LogLevel;
  /** Longest pause between two looks at the log's tail, ms. */
  readonly followIdleMs: number;
}

export type ToGateway =
  /** The engine dies with the supervisor: a gateway that loses the channel ends it. */
  | { readonly type: 'guard'; readonly engine: ProcessIdentity }
  | { readonly type: 'start'; readonly config: GatewayConfig }
  | { readonly type: 'stop' };

export type FromGateway =
  /** Clients can connect; a write and a read through this gateway's keeper have succeeded. */
  | { readonly type: 'ready'; readonly port: number }
  /** It did not get ready, and ends. `code` is the system's (EADDRINUSE and so on) where there is one. */
  | { readonly type: 'failed'; readonly code: string | undefined; readonly message: string };
