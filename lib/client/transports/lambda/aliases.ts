import type { LambdaClient } from '@aws-sdk/client-lambda';
import { once } from '../../../base/once.js';
import { clientConfig } from '../../../log/dynamo-client.js';
import { missingPackage } from './invoke.js';

/** Makes and takes away aliases of a function, which are what clients of a namespace invoke. Loads the AWS SDK when it is used. */
export function lambdaAliases({
  functionName,
  region,
}: {
  functionName: string;
  region?: string | undefined;
}) {
  const loaded = once(async () => {
    const sdk = await import('@aws-sdk/client-lambda').catch((error: unknown) => {
      throw missingPackage('@aws-sdk/client-lambda', error);
    });
    const client: LambdaClient = new sdk.LambdaClient(
      clientConfig({ ...(region !== undefined && { region }) }),
    );
    return { ...sdk, client };
  });
  return {
    /** To the newest code: the versions that a stack makes go with its next deployment. One that is there stays. */
    async create(name: string): Promise<void> {
      const { client, CreateAliasCommand, ResourceConflictException } = await loaded();
      const command = new CreateAliasCommand({
        FunctionName: functionName,
        Name: name,
        FunctionVersion: '$LATEST',
        Description: `What clients of the namespace ${name} invoke`,
      });
      await client.send(command).catch((error: unknown) => {
        if (!(error instanceof ResourceConflictException)) throw error;
      });
    },
    /** One that is not there is gone. */
    async delete(name: string): Promise<void> {
      const { client, DeleteAliasCommand, ResourceNotFoundException } = await loaded();
      const command = new DeleteAliasCommand({ FunctionName: functionName, Name: name });
      await client.send(command).catch((error: unknown) => {
        if (!(error instanceof ResourceNotFoundException)) throw error;
      });
    },
  };
}
