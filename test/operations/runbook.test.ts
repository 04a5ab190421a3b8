import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { expect, it } from 'vitest';
import { ZeroKeeperStack } from '../../cdk/stack.js';
import { BUNDLES } from '../cdk/bundles.js';

it('the runbook has a section for every alarm of the template, and for no other', () => {
  const stack = new ZeroKeeperStack(new App({ analyticsReporting: false }), 'Orders', {
    zeroKeeper: { deploymentName: 'orders', bundles: BUNDLES },
  });
  const alarms = Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'));
  const names = alarms.map(({ Properties }) =>
    (Properties as { AlarmName: string }).AlarmName.replace(/^orders-/, ''),
  );
  const guide = readFileSync(join(import.meta.dirname, '../../docs/OPERATIONS.md'), 'utf8');
  const runbook = /## Runbook\n([\s\S]*?)\n## /.exec(guide)?.[1] ?? '';
  const sections = [...runbook.matchAll(/^### (.*)$/gm)].flatMap(([, title]) => (title ?? '').split(', '));
  expect(sections.sort()).toEqual(names.sort());
});
