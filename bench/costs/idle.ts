import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { FUNCTION_NAMES } from '../../cdk/constructs/functions.js';
import { ZeroKeeperStack } from '../../cdk/stack.js';
import { FOLLOW_IDLE_MS, GATEWAY_RENEW_IDLE_MS, REAP_PAUSE_LONGEST_MS } from '../../lib/keeper/limits.js';
import { HOURS_PER_MONTH } from './count.js';
import { priced, type PriceList } from './prices.js';
import { costOf, NO_USAGE, times, type Usage } from './usage.js';

const MINUTES_PER_MONTH = HOURS_PER_MONTH * 60;
const SECONDS_PER_MONTH = MINUTES_PER_MONTH * 60;
/** Lambda's poller asks an empty queue by so many long polls at a time, of so many seconds: as AWS describes it, not measured. */
const POLLERS = 5;
const POLL_SECONDS = 20;

export interface Resources {
  readonly alarms: number;
  readonly dashboards: number;
  readonly metrics: number;
}

/** What the template holds that is billed by the month. */
export function deployedResources(): Resources {
  const bundles = mkdtempSync(join(tmpdir(), 'zerokeeper-costs-'));
  try {
    for (const name of FUNCTION_NAMES) {
      mkdirSync(join(bundles, name));
      writeFileSync(join(bundles, name, 'index.mjs'), 'export const handler = () => undefined;\n');
    }
    const stack = new ZeroKeeperStack(new App({ analyticsReporting: false }), 'Costs', {
      zeroKeeper: { bundles },
    });
    return resourcesOf(Template.fromStack(stack));
  } finally {
    rmSync(bundles, { recursive: true });
  }
}

function resourcesOf(template: Template): Resources {
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm'));
  const own = alarms.flatMap(({ Properties }) => {
    const { Namespace, MetricName } = Properties as { Namespace?: string; MetricName?: string };
    return Namespace !== undefined && !Namespace.startsWith('AWS/') ? [MetricName ?? ''] : [];
  });
  const dashboards = Object.keys(template.findResources('AWS::CloudWatch::Dashboard')).length;
  return { alarms: alarms.length, dashboards, metrics: new Set(own).size };
}

export interface Item {
  readonly what: string;
  readonly usd: number;
}

/** What a month costs in which nobody calls, for one namespace. */
export function idleItems(list: PriceList, of: { resources: Resources; scheduled: Usage }): Item[] {
  const { resources, scheduled } = of;
  const polls = (POLLERS * SECONDS_PER_MONTH) / POLL_SECONDS;
  const schedule = costOf(list, times(scheduled, MINUTES_PER_MONTH));
  const calls = Math.round(scheduled.invocations * MINUTES_PER_MONTH);
  return [
    { what: `alarms: ${resources.alarms}`, usd: priced(list, 'alarms', resources.alarms) },
    { what: `dashboard: ${resources.dashboards}`, usd: priced(list, 'dashboards', resources.dashboards) },
    { what: `own metrics: ${resources.metrics}`, usd: priced(list, 'metrics', resources.metrics) },
    { what: `schedule: ${calls} calls with their reads, writes and logs`, usd: schedule },
    { what: `queue: ${polls} polls by Lambda`, usd: priced(list, 'queueRequests', polls) },
  ];
}

/** A keeper (a gateway, or a process over `direct`) that is there, sessions or not: its bounds, as `lib/keeper/limits.ts` names them. */
export const KEEPER_MONTH: Usage = {
  ...NO_USAGE,
  writeUnits: (SECONDS_PER_MONTH * 1000) / GATEWAY_RENEW_IDLE_MS,
  readUnits: SECONDS_PER_MONTH * 1000 * (1 / FOLLOW_IDLE_MS + 1 / REAP_PAUSE_LONGEST_MS),
};
