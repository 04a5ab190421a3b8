import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import {
  GetFunctionConfigurationCommand,
  GetFunctionRecursionConfigCommand,
  InvokeCommand,
  ListEventSourceMappingsCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda';
import type { TableName } from '../log/store.js';
import { tableNameOf } from '../log/tables.js';
import {
  InspectError,
  type FunctionFacts,
  type Inspector,
  type SourceFacts,
  type TableFacts,
} from './inspector.js';

export interface AwsInspectorOptions {
  readonly dynamo: Pick<DynamoDBClient, 'send'>;
  readonly lambda: Pick<LambdaClient, 'send'>;
  /** Tables are called `prefix-log`, functions `prefix-api`, as the construct names them. */
  readonly tablePrefix: string;
}

/** Asks DynamoDB and Lambda. Changes nothing, and runs nothing. */
export class AwsInspector implements Inspector {
  readonly #options: AwsInspectorOptions;

  constructor(options: AwsInspectorOptions) {
    this.#options = options;
  }

  async table(name: TableName): Promise<TableFacts> {
    const { dynamo, tablePrefix } = this.#options;
    const TableName = tableNameOf(tablePrefix, name);
    const { Table = {} } = await ask(TableName, () => dynamo.send(new DescribeTableCommand({ TableName })));
    return {
      ...factsOfTable(Table),
      ttl: await this.#timeToLive(TableName),
      pointInTimeRecovery: await ifKnown(() => this.#pointInTimeRecovery(TableName)),
    };
  }

  async #timeToLive(TableName: string): Promise<string | undefined> {
    const { dynamo } = this.#options;
    const command = new DescribeTimeToLiveCommand({ TableName });
    const { TimeToLiveDescription: ttl } = await ask(TableName, () => dynamo.send(command));
    const isOn = ttl?.TimeToLiveStatus === 'ENABLED' || ttl?.TimeToLiveStatus === 'ENABLING';
    return isOn ? ttl.AttributeName : undefined;
  }

  async #pointInTimeRecovery(TableName: string): Promise<boolean> {
    const { dynamo } = this.#options;
    const command = new DescribeContinuousBackupsCommand({ TableName });
    const { ContinuousBackupsDescription: backups } = await ask(TableName, () => dynamo.send(command));
    return backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus === 'ENABLED';
  }

  async fn(name: string): Promise<FunctionFacts> {
    const { lambda } = this.#options;
    const FunctionName = this.#nameOf(name);
    const command = new GetFunctionConfigurationCommand({ FunctionName });
    const found = await ask(FunctionName, () => lambda.send(command));
    return {
      state: found.State ?? 'unknown',
      problem:
        found.LastUpdateStatus === 'Failed' ? (found.LastUpdateStatusReason ?? 'it failed') : undefined,
      environment: found.Environment?.Variables ?? {},
      mayLoop: await ifKnown(() => this.#mayLoop(FunctionName)),
    };
  }

  async #mayLoop(FunctionName: string): Promise<boolean> {
    const { lambda } = this.#options;
    const command = new GetFunctionRecursionConfigCommand({ FunctionName });
    const { RecursiveLoop } = await ask(FunctionName, () => lambda.send(command));
    return RecursiveLoop === 'Allow';
  }

  /** One page holds a hundred, and a function of this project has two at most. */
  async sources(name: string): Promise<readonly SourceFacts[]> {
    const { lambda } = this.#options;
    const FunctionName = this.#nameOf(name);
    const command = new ListEventSourceMappingsCommand({ FunctionName });
    const { EventSourceMappings = [] } = await ask(FunctionName, () => lambda.send(command));
    return EventSourceMappings.map((mapping) => ({
      arn: mapping.EventSourceArn ?? '',
      state: mapping.State ?? 'unknown',
      lastResult: mapping.LastProcessingResult ?? '',
    }));
  }

  async mayInvoke(nameOrArn: string): Promise<void> {
    const { lambda } = this.#options;
    const FunctionName = nameOrArn.startsWith('arn:') ? nameOrArn : this.#nameOf(nameOrArn);
    const command = new InvokeCommand({ FunctionName, InvocationType: 'DryRun' });
    await ask(FunctionName, () => lambda.send(command));
  }

  #nameOf(name: string): string {
    return `${this.#options.tablePrefix}-${name}`;
  }
}

function factsOfTable(table: TableDescription): Omit<TableFacts, 'ttl' | 'pointInTimeRecovery'> {
  const { KeySchema = [], StreamSpecification: stream } = table;
  const key = (type: string) => KeySchema.find(({ KeyType }) => KeyType === type)?.AttributeName ?? '';
  return {
    status: table.TableStatus ?? 'unknown',
    partitionKey: key('HASH'),
    sortKey: key('RANGE'),
    stream: stream?.StreamEnabled === true ? stream.StreamViewType : undefined,
    deletionProtection: table.DeletionProtectionEnabled ?? false,
  };
}

/** A fact that is nice to know: not knowing it keeps nothing else from being checked. */
async function ifKnown<T>(question: () => Promise<T>): Promise<T | undefined> {
  try {
    return await question();
  } catch (error) {
    if (error instanceof InspectError) return undefined;
    throw error;
  }
}

const DENIED =
  /AccessDenied|NotAuthorized|UnrecognizedClient|ExpiredToken|InvalidSignature|CredentialsProvider/;

async function ask<T>(subject: string, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { name, message } = error;
    const options = { cause: error };
    if (DENIED.test(name)) throw new InspectError('denied', `${subject}: ${name}: ${message}`, options);
    if (name === 'ResourceNotFoundException') {
      throw new InspectError('missing', `${subject} does not exist in this region and account`, options);
    }
    throw new InspectError('unavailable', `${subject}: ${name}: ${message}`, options);
  }
}
