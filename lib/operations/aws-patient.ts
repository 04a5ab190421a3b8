import { LambdaClient } from '@aws-sdk/client-lambda';
import { systemClock } from '../base/clock.js';
import { createDynamoClient, silenceNodeVersionNotice } from '../log/dynamo-client.js';
import { DynamoStore } from '../log/dynamo-store.js';
import { ServerClock } from '../log/server-clock.js';
import { AwsInspector } from './aws-inspector.js';
import type { Patient } from './doctor/index.js';

export interface AwsPatientOptions {
  readonly region?: string | undefined;
  /** URL of a DynamoDB other than AWS's own. */
  readonly endpoint?: string | undefined;
  readonly tablePrefix: string;
  readonly namespaces: readonly string[];
  readonly clientFunction?: string | undefined;
  readonly writes?: boolean;
}

/** A deployment in the account and region that the environment names. */
export function awsPatient(options: AwsPatientOptions): Patient {
  silenceNodeVersionNotice();
  const { region, endpoint, tablePrefix, ...others } = options;
  const at = region === undefined ? {} : { region };
  const dynamo = createDynamoClient({ ...at, ...(endpoint === undefined ? {} : { endpoint }) });
  const lambda = new LambdaClient({ ...at, maxAttempts: 2 });
  const clock = new ServerClock(systemClock);
  const observer = { onServerTime: clock.observe.bind(clock) };
  return {
    ...others,
    tablePrefix,
    clock,
    inspector: new AwsInspector({ dynamo, lambda, tablePrefix }),
    store: new DynamoStore({ client: dynamo, tablePrefix, observer }),
  };
}
