import { describe, expect, it } from 'vitest';
import { JuteReader, JuteWriter, operations } from '../../lib/wire/index.js';
import { GOLDEN_BYTES } from './golden-bytes.js';
import { codecOf, GOLDEN_VALUES, OTHER_VALUES } from './golden-values.js';

const values = { ...GOLDEN_VALUES, ...OTHER_VALUES };
const names = Object.keys(GOLDEN_BYTES) as (keyof typeof GOLDEN_BYTES)[];

describe('the bytes that ZooKeeper itself writes', () => {
  it.each(names)('%s is written byte for byte', (name) => {
    const writer = new JuteWriter();
    codecOf(name).write(writer, values[name]);
    expect(writer.take().toString('hex')).toBe(GOLDEN_BYTES[name]);
  });

  it.each(names)('%s is read field by field, to its last byte', (name) => {
    const reader = new JuteReader(Buffer.from(GOLDEN_BYTES[name], 'hex'));
    expect(codecOf(name).read(reader)).toEqual(values[name]);
    reader.expectEnd();
  });

  it('covers the request of every operation that has fields of its own', () => {
    const without = Object.keys(operations).filter((name) => values[`${name}.request`] === undefined);
    // The first two share create's request; the others have no body.
    expect(without).toEqual(['create2', 'createContainer', 'ping', 'whoAmI', 'closeSession']);
  });
});
