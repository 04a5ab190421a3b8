import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES_MAX, FrameReader, WireError } from '../../lib/wire/index.js';

function framed(bodies: readonly Uint8Array[]): Buffer {
  const parts = bodies.flatMap((body) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length);
    return [length, Buffer.from(body)];
  });
  return Buffer.concat(parts);
}

function cut(stream: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let offset = 0;
  for (const size of sizes) {
    chunks.push(stream.subarray(offset, offset + size));
    offset += size;
  }
  chunks.push(stream.subarray(offset));
  return chunks;
}

describe('a frame reader', () => {
  it('finds the same frames however the stream is cut', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 });
    const sizes = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 });
    fc.assert(
      fc.property(bodies, sizes, (expected, chunkSizes) => {
        const reader = new FrameReader();
        const found = cut(framed(expected), chunkSizes).flatMap((chunk) => reader.push(chunk));
        expect(found.map((frame) => [...frame])).toEqual(expected.map((body) => [...body]));
        expect(reader.pending).toBe(0);
      }),
    );
  });

  it('gives a frame that lies in one chunk without copying it', () => {
    const chunk = framed([Buffer.from('abc')]);
    const [frame] = new FrameReader().push(chunk);
    expect(frame!.buffer).toBe(chunk.buffer);
    expect(frame!.byteOffset).toBe(chunk.byteOffset + 4);
  });

  it('keeps a frame in parts apart from the chunks it came in', () => {
    const stream = framed([Buffer.from('abcdef')]);
    const reader = new FrameReader();
    const first = Buffer.from(stream.subarray(0, 7));
    reader.push(first);
    first.fill(0);
    expect(reader.push(stream.subarray(7))[0]!.toString()).toBe('abcdef');
  });

  it('refuses a length over the limit or below zero as soon as it is read', () => {
    const over = Buffer.alloc(4);
    over.writeInt32BE(FRAME_BYTES_MAX + 1);
    expect(() => new FrameReader().push(over)).toThrow(WireError);
    expect(() => new FrameReader().push(Buffer.from('ruok'))).toThrow(WireError);
    const negative = new FrameReader();
    negative.push(Buffer.from([0xff, 0xff, 0xff]));
    expect(() => negative.push(Buffer.from([0xff]))).toThrow('frame of -1 bytes');
  });

  it('takes a frame of exactly the limit', () => {
    const body = Buffer.alloc(FRAME_BYTES_MAX);
    expect(new FrameReader().push(framed([body]))[0]).toHaveLength(FRAME_BYTES_MAX);
  });
});
