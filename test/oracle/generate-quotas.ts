import { CreateFlags } from '../../lib/wire/index.js';
import type { Choose } from './choose.js';
import { QUOTAS, ROOT, type AnyCall, type Step } from './program.js';
import * as values from './values.js';

/** Where a program has its quotas: one may be above another. */
const PLACES = ['', '/a', '/a', '/b', '/a/b'] as const;
type Place = (typeof PLACES)[number];

const COUNTS = [-1, 0, 1, 2, 3, 4, 5, 6, 8] as const;
const BYTES = [-1, 0, 5, 10, 40, 400] as const;
/** Not written as zkCli writes them; what a ZooKeeper cannot read is left out ("Limits that are none" in docs/COMPATIBILITY.md). */
const STRANGE_LIMITS = ['', 'count=3', 'bytes=9;countHardLimit=4', 'bytes=-1', 'note=7,count=2'] as const;

/** What people do to quotas, one request after another: a ZooKeeper checks a write by what has been applied, not by what is on its way. */
export function quotaSteps(choose: Choose, session: number): Step[] {
  return callsOf(choose).map((call) => ({ kind: 'send', session, calls: [call] }));
}

/** As zkCli sets one: what holds it, its limits, and its figures. */
export function setQuota(choose: Choose, session: number): Step[] {
  return setting(choose, choose.one(['', '', '', '/a'])).map((call) => ({
    kind: 'send',
    session,
    calls: [call],
  }));
}

function callsOf(choose: Choose): AnyCall[] {
  const place = choose.one(PLACES);
  switch (choose.weighted({ press: 8, set: 3, look: 5, change: 3, remove: 2, part: 1 })) {
    case 'press':
      return [pressing(choose, choose.one(['', '', '/a', '/b']))];
    case 'set':
      return setting(choose, place);
    case 'look':
      return [{ name: 'getData', body: { path: figuresAt(place), watch: choose.chance(0.3) } }];
    case 'change':
      return [
        {
          name: 'setData',
          body: { path: limitsAt(place), data: limits(choose), version: values.version(choose) },
        },
      ];
    case 'remove':
      return [limitsAt(place), figuresAt(place)].map(deletion);
    case 'part':
      return [
        choose.one<AnyCall>([
          deletion(limitsAt(place)),
          deletion(figuresAt(place)),
          { name: 'setData', body: { path: figuresAt(place), data: figures(choose), version: -1 } },
          creation(limitsAt(place), limits(choose)),
          creation(figuresAt(place), figures(choose)),
        ]),
      ];
  }
}

/** What counts against a quota. */
function pressing(choose: Choose, place: Place): AnyCall {
  const path = `${ROOT}${place}`;
  const creating = { ...bodyOf(`${path}/s-`, values.data(choose)), flags: CreateFlags.persistentSequential };
  const setting = { path, data: values.data(choose), version: -1 };
  const first = { name: 'create', request: creating } as const;
  const second = choose.one([first, { name: 'setData', request: setting } as const]);
  return choose.one<AnyCall>([
    { name: 'create', body: creating },
    { name: 'setData', body: setting },
    { name: 'multi', body: { operations: [first, second] } },
  ]);
}

function setting(choose: Choose, place: Place): AnyCall[] {
  const names = place.split('/').slice(1);
  const above = names.map((_, index) => `${QUOTAS}/${names.slice(0, index + 1).join('/')}`);
  return [
    ...above.map((path) => creation(path, new Uint8Array(0))),
    creation(limitsAt(place), limits(choose)),
    creation(figuresAt(place), Buffer.from('count=0,bytes=0')),
  ];
}

function limits(choose: Choose): Uint8Array {
  if (choose.chance(0.1)) return Buffer.from(choose.one(STRANGE_LIMITS));
  const hard: string[] = [];
  if (choose.chance(0.5)) hard.push(`byteHardLimit=${choose.one(BYTES)}`);
  if (choose.chance(0.6)) hard.push(`countHardLimit=${choose.one(COUNTS)}`);
  const rest = hard.length === 0 ? '' : `=;${hard.join(';')}`;
  return Buffer.from(`count=${choose.one(COUNTS)},bytes=${choose.one(BYTES)}${rest}`);
}

/** Figures that are none would end a ZooKeeper at the next change below them. */
function figures(choose: Choose): Uint8Array {
  return Buffer.from(choose.one(['count=0,bytes=0', 'count=4,bytes=30', 'count=-1,bytes=-1', '']));
}

function limitsAt(place: Place): string {
  return `${QUOTAS}${place}/zookeeper_limits`;
}

function figuresAt(place: Place): string {
  return `${QUOTAS}${place}/zookeeper_stats`;
}

function creation(path: string, data: Uint8Array): AnyCall {
  return { name: 'create', body: bodyOf(path, data) };
}

function bodyOf(path: string, data: Uint8Array) {
  return { path, data, acl: values.OPEN_ACL, flags: CreateFlags.persistent };
}

function deletion(path: string): AnyCall {
  return { name: 'delete', body: { path, version: -1 } };
}
