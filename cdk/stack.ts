import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ZeroKeeperProps } from './constructs/props.js';
import { ZeroKeeper } from './constructs/zero-keeper.js';

export interface ZeroKeeperStackProps extends StackProps {
  /** @default - as the construct has them */
  readonly zeroKeeper?: ZeroKeeperProps;
}

/** One deployment by itself, with what clients have to know as outputs. */
export class ZeroKeeperStack extends Stack {
  readonly zeroKeeper: ZeroKeeper;

  constructor(scope: Construct, id: string, props: ZeroKeeperStackProps = {}) {
    const { zeroKeeper: options, ...stackProps } = props;
    super(scope, id, { description: 'ZeroKeeper: ZooKeeper on DynamoDB and Lambda', ...stackProps });
    this.zeroKeeper = new ZeroKeeper(this, 'ZeroKeeper', options);
    this.#outputs();
  }

  /** Each is called after the option of the SDK that takes it. Namespaces are numbered, as their names are no names of outputs. */
  #outputs(): void {
    const { namespaces, functionUrls, tablePrefix } = this.zeroKeeper;
    const output = (id: string, value: string, description: string) =>
      new CfnOutput(this, id, { value, description });
    output('Region', this.region, 'region, of every transport');
    output('TablePrefix', tablePrefix, 'tablePrefix, of the transport direct');
    output('Namespaces', namespaces.join(','), 'namespace, of the transport direct: one of them');
    for (const [index, namespace] of namespaces.entries()) {
      const arn = this.zeroKeeper.functionNameOf(namespace);
      output(`FunctionName${index}`, arn, `functionName, of the transport lambda, for ${namespace}`);
      const webSocketUrl = this.zeroKeeper.webSocketUrlOf(namespace);
      output(`WebSocketUrl${index}`, webSocketUrl, `webSocketUrl, of the transport lambda, for ${namespace}`);
      const url = functionUrls.get(namespace);
      if (url !== undefined) output(`FunctionUrl${index}`, url.url, `The function URL of ${namespace}`);
    }
  }
}
