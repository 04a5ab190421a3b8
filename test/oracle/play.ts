import { setTimeout as delay } from 'node:timers/promises';

import {
  JuteReader,
  JuteWriter,
  operations,
  writeRequestMessage,
  Xid,
  type Operation,
} from '../../lib/wire/index.js';
import { WireClient, type Received } from '../gateway/support/wire-client.js';
import { bind } from './bind.js';
import type {
  AnyCall,
  Authenticate,
  Open,
  Program,
  RawCall,
  Resume,
  Send,
  Step,
  SymbolicZxid,
} from './program.js';
import { answerTo, withoutNonce } from './sasl.js';
import type { Entry, Observation, Transcript } from './transcript.js';

/** Longer than any server that still works takes for an answer. */
const SILENCE_MS = 20_000;

const NO_PASSWORD = new Uint8Array(16);
const WRONG_PASSWORD = new Uint8Array(16).fill(7);
/** Beyond every zxid that a server gives during a test, and one that both can hold. */
const FUTURE_ZXID = 2 ** 52;

/** A session of the program: what its client would remember. */
interface Slot {
  client: WireClient | undefined;
  session: bigint;
  password: Uint8Array;
  seen: number;
  nextXid: number;
}

/** Runs a program on the server at `port` below `root`, which must be there, step by step: the next begins when the last is answered. */
export async function play(
  program: Program,
  at: { readonly port: number; readonly root: string },
): Promise<Transcript> {
  const run = new Run(at);
  try {
    return await run.play(program);
  } finally {
    run.dispose();
  }
}

class Run {
  readonly #port: number;
  readonly #root: string;
  readonly #slots = new Map<number, Slot>();
  readonly #clients: WireClient[] = [];
  readonly #sessions: bigint[] = [];
  readonly #entries: Entry[] = [];
  #step = 0;

  constructor({ port, root }: { readonly port: number; readonly root: string }) {
    this.#port = port;
    this.#root = root;
  }

  async play(program: Program): Promise<Transcript> {
    for (const [index, step] of program.steps.entries()) {
      this.#step = index;
      await this.#do(step);
    }
    this.#step = program.steps.length;
    // Whatever is on its way to a session arrives before the answer to a ping; then the session is gone with its ephemerals.
    for (const session of this.#slots.keys()) {
      await this.#send({ kind: 'send', session, calls: [{ name: 'ping', body: {}, xid: Xid.ping }] });
    }
    for (const session of this.#slots.keys()) {
      await this.#send({ kind: 'send', session, calls: [{ name: 'closeSession', body: {} }] });
    }
    return { root: this.#root, sessions: this.#sessions, entries: this.#entries };
  }

  dispose(): void {
    for (const client of this.#clients) client.destroy();
  }

  #do(step: Step): Promise<void> {
    switch (step.kind) {
      case 'open':
        return this.#open(step);
      case 'resume':
        return this.#resume(step);
      case 'drop':
        this.#drop(step.session);
        return Promise.resolve();
      case 'authenticate':
        return this.#authenticate(step);
      case 'send':
        return this.#send(step);
    }
  }

  // --- Connections ----------------------------------------------------------------------------------------------------

  async #open(step: Open): Promise<void> {
    this.#slots.get(step.session)?.client?.destroy();
    const slot: Slot = { client: undefined, session: 0n, password: NO_PASSWORD, seen: 0, nextXid: 1 };
    this.#slots.set(step.session, slot);
    await this.#connect(step.session, {
      lastZxidSeen: 0,
      timeoutMs: step.timeoutMs,
      readOnly: step.readOnly,
    });
  }

  async #resume(step: Resume): Promise<void> {
    const slot = this.#slots.get(step.session);
    if (slot === undefined) return;
    const old = slot.client;
    if (step.old === 'dropped') old?.destroy();
    const password = step.password === 'right' ? slot.password : WRONG_PASSWORD;
    await this.#connect(step.session, {
      lastZxidSeen: zxidOf(step.lastZxidSeen, slot),
      timeoutMs: 30_000,
      readOnly: false,
      password,
    });
    // A session has one connection, so the server ends an earlier one; a refusal need not have touched it.
    if (step.old === 'kept' && slot.client !== undefined) await this.#drain(old);
    old?.destroy();
  }

  #drop(session: number): void {
    const slot = this.#slot(session);
    slot.client?.destroy();
    slot.client = undefined;
  }

  async #connect(
    session: number,
    ask: {
      readonly lastZxidSeen: number;
      readonly timeoutMs: number;
      readonly readOnly: boolean | undefined;
      readonly password?: Uint8Array;
    },
  ): Promise<void> {
    const slot = this.#slot(session);
    const client = new WireClient(this.#port);
    this.#clients.push(client);
    slot.client = undefined;
    client.sendConnect({ password: slot.password, ...ask, session: slot.session });
    const response = await inTime(client.receiveConnect());
    if (response === undefined || response === 'silent') {
      this.#observe(session, { kind: response === undefined ? 'closed' : 'silent' });
      return;
    }
    const { session: id, password, timeoutMs, ...rest } = response;
    if (id !== 0n) {
      if (!this.#sessions.includes(id)) this.#sessions.push(id);
      Object.assign(slot, { client, session: id, password: Uint8Array.from(password) });
    }
    const blank = password.every((byte) => byte === 0);
    this.#observe(session, {
      kind: 'connected',
      timeoutMs,
      session: id,
      rest: { ...rest, passwordBytes: password.length, blank },
    });
  }

  /** Waits for the server to hang up. What it says before is the session's past. */
  async #drain(client: WireClient | undefined): Promise<void> {
    if (client === undefined) return;
    if ((await inTime(client.closed)) === 'silent') throw new Error('a replaced connection stays open');
  }

  // --- Requests -------------------------------------------------------------------------------------------------------

  async #send({ session, calls }: Send): Promise<void> {
    const slot = this.#slot(session);
    const { client } = slot;
    if (client === undefined) {
      this.#observe(session, { kind: 'offline' });
      return;
    }
    client.socket.write(Buffer.concat(calls.map((call) => this.#encode(call, slot))));
    for (const call of calls) {
      if (!(await this.#takeReply(session, call))) return;
      if (call.name === 'closeSession') await this.#takeEnd(session);
      if (slot.client === undefined) return;
    }
  }

  /** A refusal, after which the server hangs up, ends it early. */
  async #authenticate(step: Authenticate): Promise<void> {
    const challenge = await this.#askSasl(step.session, {
      token: Buffer.from(step.first ?? ''),
      show: (token) => ({ challenge: withoutNonce(token) }),
    });
    if (challenge === undefined) return;
    const { token, proof } = answerTo(challenge, step);
    await this.#askSasl(step.session, {
      token: step.second === undefined ? token : Buffer.from(step.second),
      show: (answer) => ({ proof: answer === proof ? 'good' : answer }),
    });
  }

  /** One round of SASL. The token of the answer, unless there is none. */
  async #askSasl(
    session: number,
    { token, show }: { readonly token: Buffer; readonly show: (token: string) => unknown },
  ): Promise<string | undefined> {
    const slot = this.#slot(session);
    if (slot.client === undefined) {
      this.#observe(session, { kind: 'offline' });
      return undefined;
    }
    const call = { name: 'sasl', body: { token } } as const;
    slot.client.socket.write(this.#encode(call, slot));
    let answer: string | undefined;
    const taken = await this.#takeReply(session, call, (observation) => {
      if (observation.kind !== 'reply' || observation.err !== 0) return observation;
      const { token: answered } = observation.body as { readonly token: Uint8Array | undefined };
      if (answered === undefined) return observation;
      answer = Buffer.from(answered).toString('utf8');
      return { ...observation, body: show(answer) };
    });
    if (taken && answer === undefined) await this.#takeEnd(session);
    return answer;
  }

  /** Takes what arrives up to the call's reply. False when none came. */
  async #takeReply(
    session: number,
    call: AnyCall,
    shown = (observation: Observation): Observation => observation,
  ): Promise<boolean> {
    const slot = this.#slot(session);
    for (;;) {
      const received = await inTime(slot.client?.next() ?? Promise.resolve(undefined));
      if (received === undefined || received === 'silent') {
        this.#observe(session, { kind: received === undefined ? 'closed' : 'silent' });
        slot.client = undefined;
        return false;
      }
      if (received.zxid > slot.seen) slot.seen = received.zxid;
      this.#observe(session, shown(observed(received, call)));
      if (received.kind === 'reply') return true;
    }
  }

  async #takeEnd(session: number): Promise<void> {
    const slot = this.#slot(session);
    const received = await inTime(slot.client?.next() ?? Promise.resolve(undefined));
    if (received === undefined) this.#observe(session, { kind: 'closed' });
    else if (received === 'silent') this.#observe(session, { kind: 'silent' });
    else this.#observe(session, observed(received, { name: 'ping', body: {} }));
    slot.client = undefined;
  }

  #encode(call: AnyCall, slot: Slot): Buffer {
    const xid = ('xid' in call ? call.xid : undefined) ?? slot.nextXid++;
    if (call.name === 'raw') return rawFrame(call, xid);
    const relative = call.relative === undefined ? 0 : zxidOf(call.relative, slot);
    const body = bind(call.body, { root: this.#root, relative });
    const writer = new JuteWriter();
    const operation = operations[call.name] as Operation<unknown, unknown>;
    writeRequestMessage(writer, { xid, operation, body });
    return writer.take();
  }

  #slot(session: number): Slot {
    const slot = this.#slots.get(session);
    if (slot === undefined) throw new Error(`step ${this.#step} uses a session that no step opened`);
    return slot;
  }

  #observe(session: number, observation: Observation): void {
    this.#entries.push({ step: this.#step, session, observation });
  }
}

function rawFrame(call: RawCall, xid: number): Buffer {
  const body = Buffer.from(call.bytes, 'hex');
  const frame = Buffer.alloc(12 + body.length);
  frame.writeInt32BE(8 + body.length, 0);
  frame.writeInt32BE(xid, 4);
  frame.writeInt32BE(call.opcode, 8);
  body.copy(frame, 12);
  return frame;
}

function zxidOf(symbol: SymbolicZxid, slot: Slot): number {
  switch (symbol) {
    case 'zero':
      return 0;
    case 'seen':
      return slot.seen;
    case 'future':
      return FUTURE_ZXID;
  }
}

function observed(received: Received, call: AnyCall): Observation {
  if (received.kind === 'event') return received;
  const { kind, xid, zxid, err, bytes } = received;
  return { kind, name: call.name, xid, zxid, err, body: err === 0 ? decode(call.name, bytes) : raw(bytes) };
}

/** The body as a value, and as bytes wherever that is not all: every byte that a server sends is compared. */
function decode(name: AnyCall['name'], bytes: Buffer): unknown {
  if (name === 'raw' || bytes.length === 0) return raw(bytes);
  const operation = operations[name] as Operation<unknown, unknown>;
  try {
    const value = operation.readResponse(new JuteReader(bytes));
    const writer = new JuteWriter();
    operation.writeResponse(writer, value);
    return writer.take().equals(bytes) ? value : { value, ...raw(bytes) };
  } catch (error) {
    return { ...raw(bytes), error: String(error) };
  }
}

function raw(bytes: Buffer): { readonly bytes: string } {
  return { bytes: bytes.toString('hex') };
}

async function inTime<T>(promise: Promise<T>): Promise<T | 'silent'> {
  const ended = new AbortController();
  const late = delay(SILENCE_MS, 'silent' as const, { signal: ended.signal });
  late.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    ended.abort();
  }
}
