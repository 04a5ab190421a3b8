import { CreateFlags, Xid, type WireMultiOperation } from '../../lib/wire/index.js';
import { Choose } from './choose.js';
import { quotaSteps, setQuota } from './generate-quotas.js';
import { rawCall } from './generate-raw.js';
import { comeBack } from './generate-returns.js';
import {
  ROOT,
  SESSIONS,
  type AnyCall,
  type Call,
  type Program,
  type Step,
  type SymbolicZxid,
} from './program.js';
import * as values from './values.js';

/** How often each operation is chosen, in relation to the others. */
const WEIGHTS: Readonly<Record<Call['name'] | 'raw', number>> = {
  create: 16,
  create2: 5,
  createContainer: 3,
  createTtl: 3,
  delete: 8,
  exists: 7,
  getData: 7,
  setData: 8,
  getAcl: 3,
  setAcl: 3,
  getChildren: 5,
  getChildren2: 3,
  getAllChildrenNumber: 2,
  getEphemerals: 2,
  sync: 2,
  multi: 9,
  multiRead: 3,
  check: 1,
  setWatches: 2,
  setWatches2: 3,
  addWatch: 6,
  checkWatches: 2,
  removeWatches: 3,
  ping: 1,
  auth: 3,
  // A step of its own: what it answers has a nonce in it.
  sasl: 0,
  whoAmI: 1,
  reconfig: 0.4,
  closeSession: 1,
  raw: 1,
};

const SESSION_TIMEOUTS_MS = [30_000, 40_000, 100_000, 2_147_483_647] as const;
/** Too short to wait for a busy machine: sessions that ask for these are closed at once. */
const SHORT_TIMEOUTS_MS = [-1, 0, 1, 3_999, 4_000, 4_001] as const;
const ZXIDS: readonly SymbolicZxid[] = ['zero', 'seen', 'seen', 'seen', 'future'];

/** Programs that have quotas. */
const QUOTAS_SHARE = 0.2;
const STEPS = { least: 8, most: 40 };
const PIPELINED_MAX = 5;
const MULTI_MAX = 4;

/** The program of a seed: the same whenever and wherever it is asked for. */
export function generate(seed: number): Program {
  const choose = new Choose(seed);
  const steps: Step[] = Array.from({ length: SESSIONS }, (_, session) => open(choose, session));
  const count = choose.integer(STEPS.least, STEPS.most);
  const withQuotas = choose.chance(QUOTAS_SHARE);
  if (withQuotas || choose.chance(0.8)) steps.push(firstZnodes(choose));
  if (withQuotas) steps.push(...setQuota(choose, 0));
  while (steps.length < count + SESSIONS) steps.push(...step(choose, { steps, withQuotas }));
  return { seed, steps };
}

interface SoFar {
  readonly steps: readonly Step[];
  readonly withQuotas: boolean;
}

/** So that most of what follows meets something. */
function firstZnodes(choose: Choose): Step {
  const calls = values.commonPaths(choose).map((path): Call => {
    const acl = choose.chance(0.8) ? values.OPEN_ACL : values.acl(choose);
    return { name: 'create', body: { path, data: values.data(choose), acl, flags: CreateFlags.persistent } };
  });
  return { kind: 'send', session: 0, calls };
}

function open(choose: Choose, session: number): Step {
  const readOnly = choose.one([false, false, true, undefined]);
  return { kind: 'open', session, timeoutMs: choose.one(SESSION_TIMEOUTS_MS), readOnly };
}

function step(choose: Choose, soFar: SoFar): Step[] {
  // The first session does most, so that its watches and znodes meet.
  const session = choose.one([0, 0, 1, 2]);
  const quotas = soFar.withQuotas ? 60 : 0;
  const kind = choose.weighted({
    ...{ send: 90, quotas, resume: 4, away: 4, authenticate: 3, reconfigure: 1, open: 1, shortLived: 1 },
  });
  switch (kind) {
    case 'open':
      return [open(choose, session)];
    case 'shortLived':
      return [
        { kind: 'open', session, timeoutMs: choose.one(SHORT_TIMEOUTS_MS), readOnly: false },
        { kind: 'send', session, calls: [{ name: 'closeSession', body: {} }] },
        open(choose, session),
      ];
    case 'resume':
      return [resume(choose, session)];
    case 'away':
      return away(choose, session, soFar);
    case 'authenticate':
      return authenticate(choose, session);
    case 'reconfigure':
      return reconfigure(choose, session);
    case 'quotas':
      return quotaSteps(choose, session);
    case 'send':
      return send(choose, session, soFar);
  }
}

/** The session misses something, and comes back with its watches. */
function away(choose: Choose, session: number, soFar: SoFar): Step[] {
  const steps: Step[] = choose.chance(0.8) ? [{ kind: 'drop', session }] : [];
  const others = [0, 1, 2].filter((other) => other !== session);
  for (let left = choose.integer(1, 4); left > 0; left--) {
    steps.push(...send(choose, choose.one(others), soFar));
  }
  const back = comeBack(choose, { ...soFar, session });
  const after = choose.chance(0.7) ? send(choose, choose.one(others), soFar) : [];
  return [...steps, ...back, ...after];
}

/** By SASL: mostly as it should be. A refusal ends the connection. */
function authenticate(choose: Choose, session: number): Step[] {
  const [user, password] = choose.one(Object.entries(values.SASL_USERS));
  const good = { kind: 'authenticate', session, user, password } as const;
  if (choose.chance(0.7)) return [good];
  return [{ ...good, ...choose.one(values.SASL_MISTAKES) }, ...again(choose, session)];
}

/** Asked by somebody who may. */
function reconfigure(choose: Choose, session: number): Step[] {
  const auth = { type: 0, scheme: 'digest', auth: Buffer.from(values.SUPER_USER) };
  return [
    { kind: 'send', session, calls: [{ name: 'auth', xid: Xid.auth, body: auth }] },
    { kind: 'send', session, calls: [CALLS.reconfig(choose)] },
  ];
}

function resume(choose: Choose, session: number): Step {
  return {
    kind: 'resume',
    session,
    password: choose.chance(0.9) ? 'right' : 'wrong',
    lastZxidSeen: choose.chance(0.9) ? 'seen' : choose.one(['zero', 'future']),
    old: choose.one(['dropped', 'kept']),
  };
}

function send(choose: Choose, session: number, { withQuotas }: SoFar): Step[] {
  const calls = withQuotas ? [call(choose)] : callsInOneGo(choose);
  const ending = calls.some(({ name }) => ENDING.has(name));
  return [{ kind: 'send', session, calls }, ...(ending ? again(choose, session) : [])];
}

/** What ends the connection would make most of what follows in its slot pointless. */
function again(choose: Choose, session: number): Step[] {
  const steps: Step[] = choose.chance(0.5) ? [resume(choose, session)] : [];
  return [...steps, open(choose, session)];
}

/**
 * One, or several whose replies come in the order of their sending. A ZooKeeper takes care of some on the thread that reads the
 * socket, past the requests that were sent before them; those go alone.
 */
function callsInOneGo(choose: Choose): AnyCall[] {
  const first = call(choose);
  if (choose.chance(0.7) || ALONE.has(first.name)) return [first];
  const more = Array.from({ length: choose.integer(1, PIPELINED_MAX - 1) }, () => call(choose));
  return [first, ...more.filter(({ name }) => !ALONE.has(name))];
}

const ENDING: ReadonlySet<AnyCall['name']> = new Set<AnyCall['name']>([
  ...(['closeSession', 'raw', 'check'] as const),
]);
const ALONE: ReadonlySet<AnyCall['name']> = new Set<AnyCall['name']>([
  ...(['auth', 'sasl', 'raw', 'check', 'closeSession'] as const),
]);

function call(choose: Choose): AnyCall {
  const name = choose.weighted(WEIGHTS);
  if (name === 'raw') return rawCall(choose);
  return CALLS[name](choose);
}

const CALLS: Readonly<Record<Call['name'], (choose: Choose) => Call>> = {
  create: (choose) => ({ name: 'create', body: creation(choose) }),
  create2: (choose) => ({ name: 'create2', body: creation(choose) }),
  createContainer: (choose) => ({ name: 'createContainer', body: container(choose) }),
  createTtl: (choose) => ({ name: 'createTtl', body: ttl(choose) }),
  delete: (choose) => ({ name: 'delete', body: pathVersion(choose) }),
  exists: (choose) => ({ name: 'exists', body: pathWatch(choose) }),
  getData: (choose) => ({ name: 'getData', body: pathWatch(choose) }),
  setData: (choose) => ({ name: 'setData', body: { ...pathVersion(choose), data: values.data(choose) } }),
  getAcl: (choose) => ({ name: 'getAcl', body: { path: values.path(choose) } }),
  setAcl: (choose) => ({ name: 'setAcl', body: { ...pathVersion(choose), acl: values.acl(choose) } }),
  getChildren: (choose) => ({ name: 'getChildren', body: pathWatch(choose) }),
  getChildren2: (choose) => ({ name: 'getChildren2', body: pathWatch(choose) }),
  getAllChildrenNumber: (choose) => ({ name: 'getAllChildrenNumber', body: { path: values.path(choose) } }),
  getEphemerals: (choose) => ({
    name: 'getEphemerals',
    body: { prefixPath: choose.one([ROOT, '/', '', values.path(choose)]) },
  }),
  sync: (choose) => ({ name: 'sync', body: { path: values.path(choose) } }),
  multi: (choose) => ({ name: 'multi', body: { operations: multiOperations(choose) } }),
  multiRead: (choose) => ({ name: 'multiRead', body: { operations: reads(choose) } }),
  check: (choose) => ({ name: 'check', body: pathVersion(choose) }),
  setWatches: (choose) => ({ name: 'setWatches', ...xidOfSetWatches(choose), body: oneShotWatches(choose) }),
  setWatches2: (choose) => ({
    name: 'setWatches2',
    ...xidOfSetWatches(choose),
    body: {
      ...oneShotWatches(choose),
      persistentWatches: values.paths(choose, 2),
      persistentRecursiveWatches: values.paths(choose, 2),
    },
  }),
  addWatch: (choose) => ({
    name: 'addWatch',
    body: { path: values.path(choose), mode: values.watchMode(choose) },
  }),
  checkWatches: (choose) => ({ name: 'checkWatches', body: pathType(choose) }),
  removeWatches: (choose) => ({ name: 'removeWatches', body: pathType(choose) }),
  ping: () => ({ name: 'ping', body: {}, xid: Xid.ping }),
  auth: (choose) => ({ name: 'auth', xid: Xid.auth, body: credentials(choose) }),
  sasl: () => ({ name: 'sasl', body: { token: Buffer.from('token') } }),
  whoAmI: () => ({ name: 'whoAmI', body: {} }),
  reconfig: (choose) => ({
    name: 'reconfig',
    body: {
      joiningServers: choose.one(['', 'server.2=127.0.0.1:2888:3888;2181', 'nonsense']),
      leavingServers: choose.one(['', '1']),
      newMembers: choose.one(['', 'server.2=127.0.0.1:2888:3888;2181']),
      currentConfigId: choose.one([-1n, 0n, 7n]),
    },
  }),
  closeSession: () => ({ name: 'closeSession', body: {} }),
};

function creation(choose: Choose) {
  const flags = values.createFlags(choose);
  const sequential = flags === CreateFlags.persistentSequential || flags === CreateFlags.ephemeralSequential;
  const path = sequential && choose.chance(0.8) ? values.sequentialPath(choose) : values.path(choose);
  return { path, data: values.data(choose), acl: values.acl(choose), flags };
}

/** None with the flags of a sequential znode ("Containers with a number" in docs/COMPATIBILITY.md). */
function container(choose: Choose) {
  const flags = choose.chance(0.9) ? CreateFlags.container : choose.one([0, 1, 5, 7]);
  return { ...creation(choose), path: values.path(choose), flags };
}

function ttl(choose: Choose) {
  const common = [CreateFlags.ttl, CreateFlags.ttlSequential];
  const flags = choose.chance(0.9) ? choose.one(common) : choose.one([0, 1, 2, 3, 4, 7]);
  // Long enough to outlive the program, or not to be had. With other flags a negative one ends ZooKeeper's process ("Requests that end
  // a ZooKeeper" in docs/COMPATIBILITY.md).
  const usual = [3_600_000, 86_400_000, 2 ** 40 - 1];
  const impossible = common.some((flag) => flag === flags) ? [0, -1, 2 ** 40] : [0, 2 ** 40];
  const ttlMs = choose.chance(0.85) ? choose.one(usual) : choose.one(impossible);
  return { ...creation(choose), flags, ttlMs };
}

function pathVersion(choose: Choose) {
  return { path: values.path(choose), version: values.version(choose) };
}

function pathWatch(choose: Choose) {
  return { path: values.path(choose), watch: choose.chance(0.5) };
}

function pathType(choose: Choose) {
  return { path: values.path(choose), type: values.watcherType(choose) };
}

function credentials(choose: Choose) {
  const users = [...values.USERS, ...values.USERS, values.SUPER_USER];
  const usual = users.map((user) => ({ scheme: 'digest', auth: user }));
  const strange = [
    { scheme: 'ip', auth: '' },
    { scheme: 'world', auth: '' },
    { scheme: 'nosuchscheme', auth: 'x' },
    { scheme: 'digest', auth: 'nocolon' },
    { scheme: 'digest', auth: '' },
    { scheme: 'auth', auth: '' },
    { scheme: 'sasl', auth: 'sam' },
    { scheme: '', auth: '' },
  ];
  const { scheme, auth } = choose.chance(0.8) ? choose.one(usual) : choose.one(strange);
  return { type: 0, scheme, auth: Buffer.from(auth) };
}

function xidOfSetWatches(choose: Choose) {
  const relative = choose.one(ZXIDS);
  return choose.chance(0.8) ? { xid: Xid.setWatches, relative } : { relative };
}

function oneShotWatches(choose: Choose) {
  return {
    relativeZxid: 0,
    dataWatches: values.paths(choose, 2),
    existWatches: values.paths(choose, 2),
    childWatches: values.paths(choose, 2),
  };
}

function reads(choose: Choose) {
  const names = choose.some(['getData', 'getChildren'] as const, { least: 0, most: 3 });
  // A watch in a multiRead is none: both kinds of server are asked.
  return names.map((name) => ({ name, request: pathWatch(choose) }));
}

function multiOperations(choose: Choose): WireMultiOperation[] {
  const weights = {
    create: 6,
    create2: 2,
    createContainer: 2,
    createTtl: 2,
    delete: 4,
    check: 3,
    setData: 5,
  };
  return Array.from({ length: choose.integer(0, MULTI_MAX) }, (): WireMultiOperation => {
    const name = choose.weighted(weights);
    switch (name) {
      case 'create':
      case 'create2':
        return { name, request: creation(choose) };
      case 'createContainer':
        return { name, request: container(choose) };
      case 'createTtl':
        return { name, request: ttl(choose) };
      case 'delete':
      case 'check':
        return { name, request: pathVersion(choose) };
      case 'setData':
        return { name, request: { ...pathVersion(choose), data: values.data(choose) } };
    }
  });
}
