import { systemClock } from '../base/clock.js';
import { systemRandom } from '../base/random.js';
import { createDynamoClient, silenceNodeVersionNotice } from '../log/dynamo-client.js';
import { scanTable } from '../log/dynamo-scan.js';
import { DynamoStore } from '../log/dynamo-store.js';
import type { RestoreOptions } from './restore.js';

/** A whole table is read, and a slow page is no reason to give up. */
const PATIENCE = { requestTimeoutMs: 30_000, attemptsMax: 5 };

/** What {@link restore} works with on DynamoDB. */
export function awsRestore(at: {
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly tablePrefix: string;
  readonly namespace: string;
}): RestoreOptions {
  silenceNodeVersionNotice();
  const { region, endpoint, tablePrefix, namespace } = at;
  const client = createDynamoClient({
    ...PATIENCE,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  return {
    store: new DynamoStore({ client, tablePrefix }),
    scan: (table) => scanTable({ client, tablePrefix }, table),
    namespace,
    clock: systemClock,
    random: systemRandom,
  };
}
