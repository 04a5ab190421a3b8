import { App, Duration } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { describe, expect, it } from 'vitest';
import { contextOfArguments, gatewayFromContext, propsFromContext } from '../../cdk/context.js';
import { ZeroKeeperStack } from '../../cdk/stack.js';
import { BUNDLES } from './bundles.js';

const propsOf = (...words: string[]) =>
  propsFromContext(new App({ analyticsReporting: false, context: contextOfArguments(words) }).node);

const gatewayOf = (...words: string[]) =>
  gatewayFromContext(new App({ analyticsReporting: false, context: contextOfArguments(words) }).node);

describe('the stack', () => {
  it('outputs what the SDK has to be told, for each namespace', () => {
    const app = new App({ analyticsReporting: false });
    const zeroKeeper = { bundles: BUNDLES, namespaces: ['first', 'second'], functionUrl: true };
    const template = Template.fromStack(new ZeroKeeperStack(app, 'Test', { zeroKeeper }));
    expect(Object.keys(template.findOutputs('*')).sort()).toEqual([
      'FunctionName0',
      'FunctionName1',
      'FunctionUrl0',
      'FunctionUrl1',
      'Namespaces',
      'Region',
      'TablePrefix',
      'WebSocketUrl0',
      'WebSocketUrl1',
    ]);
    template.hasOutput('Namespaces', { Value: 'first,second' });
    template.hasOutput('TablePrefix', { Value: 'zerokeeper' });
  });
});

describe('options on the command line', () => {
  it('become properties', () => {
    const props = propsOf(
      '-c',
      'name=orders',
      'namespaces=a, b',
      'functionUrl=true',
      'removalPolicy=destroy',
      'enforceQuota=true',
      'logRetention=90',
      'historyRetention=a=30, b=7',
    );
    expect(props).toEqual({
      deploymentName: 'orders',
      namespaces: ['a', 'b'],
      functionUrl: true,
      removalPolicy: 'destroy',
      enforceQuota: true,
      logRetention: RetentionDays.THREE_MONTHS,
      historyRetention: { a: Duration.days(30), b: Duration.days(7) },
    });
    expect(propsOf('historyRetention=30')).toEqual({ historyRetention: Duration.days(30) });
    expect(propsOf('logRetention=forever')).toEqual({ logRetention: RetentionDays.INFINITE });
    expect(propsOf()).toEqual({});
  });

  it.each([
    [['gateway=true'], {}],
    [['gateway=false'], undefined],
    [[], undefined],
    [
      ['gateway=true', 'gatewayImage=g:1', 'vpcId=v', 'subnetIds=s, t', 'vpcCidr=10.1.0.0/16'],
      { image: 'g:1', network: { vpcId: 'v', subnetIds: ['s', 't'], vpcCidr: '10.1.0.0/16' } },
    ],
  ])('%j say what gateways there are', (words, gateway) => {
    expect(gatewayOf(...words)).toEqual(gateway);
  });

  it.each([[['vpcId=v']], [['gateway=true', 'vpcId=v']], [['gatewayImage=g:1']]])(
    'refuse %j, which says too little of gateways',
    (words) => {
      expect(() => gatewayOf(...words)).toThrow(expect.objectContaining({ code: 'InvalidProps' }));
    },
  );

  it.each([
    ['colour=red'],
    ['name'],
    ['functionUrl=perhaps'],
    ['removalPolicy=snapshot'],
    ['enforceQuota=1'],
    ['logRetention=8'],
    ['historyRetention=soon'],
    ['historyRetention=a=30,b'],
  ])('refuse %s', (word) => {
    expect(() => propsOf(word)).toThrow(expect.objectContaining({ code: 'InvalidProps' }));
  });
});
