import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import {
  JuteReader,
  JuteWriter,
  operations,
  readConnectRequest,
  readConnectResponse,
  readReplyMessage,
  readRequestMessage,
  readWatcherEvent,
  writeConnectRequest,
  writeConnectResponse,
  writeHeaderReply,
  writeNotification,
  writeReplyMessage,
  writeRequestMessage,
  type Operation,
  type OperationName,
} from '../../lib/wire/index.js';

/** As Apache's Java client 3.9.5 and a ZooKeeper 3.9.5 sent them to each other; see fixtures/capture.ts. */
const FRAMES = JSON.parse(readFileSync(new URL('fixtures/frames.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;

/** The frame again, made from what was read of it. */
function remade(name: string, frame: Buffer): Buffer {
  const writer = new JuteWriter();
  const [what = '', direction] = name.split('.');
  if (what === 'connect') {
    writer.beginFrame();
    const reader = new JuteReader(frame);
    if (direction === 'request') writeConnectRequest(writer, readConnectRequest(reader));
    else writeConnectResponse(writer, readConnectResponse(reader));
    writer.endFrame();
  } else if (direction === 'request') {
    const { header, request } = readRequestMessage(frame);
    if (request === undefined) throw new Error(`no request: ${name}`);
    const operation = operations[request.name] as Operation<unknown, unknown>;
    writeRequestMessage(writer, { xid: header.xid, operation, body: request.body });
  } else {
    const { header, reader } = readReplyMessage(frame);
    if (what === 'event') writeNotification(writer, { ...readWatcherEvent(reader), zxid: header.zxid });
    else if (what === 'error') writeHeaderReply(writer, header);
    else {
      const operation = operations[what as OperationName] as Operation<unknown, unknown>;
      writeReplyMessage(writer, { header, operation, body: operation.readResponse(reader) });
    }
  }
  return writer.take().subarray(4);
}

describe('a frame that went between ZooKeeper and its own client', () => {
  it.each(Object.keys(FRAMES))('%s is read and written again to the same bytes', (name) => {
    const frame = Buffer.from(FRAMES[name]!, 'hex');
    expect(remade(name, frame).toString('hex')).toBe(FRAMES[name]);
  });

  it('is there for both directions of every operation that the client has', () => {
    const missing = Object.keys(operations).filter(
      (name) => FRAMES[`${name}.request`] === undefined || FRAMES[`${name}.reply`] === undefined,
    );
    // No client of Apache sends a check but in a multi, and a server on its own refuses every reconfiguration.
    expect(missing).toEqual(['check', 'reconfig']);
    expect(FRAMES['reconfig.request']).toBeDefined();
  });
});
