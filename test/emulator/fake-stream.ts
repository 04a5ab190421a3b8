import type { StreamRecord } from '../../functions/shared/events.js';
import {
  type Shard,
  type ShardPage,
  type ShardPosition,
  type StreamReader,
} from '../../lib/emulator/stream-reader.js';

interface FakeShard extends Shard {
  readonly records: StreamRecord[];
  closed: boolean;
}

/** A stream in memory. An iterator is the shard's name and an index. */
export class FakeStream implements StreamReader {
  readonly #shards = new Map<string, FakeShard>();
  #sequence = 0;
  /** Thrown by the next calls of `read`, one each. */
  readonly failures: Error[] = [];
  reads = 0;

  open(id: string, parentId?: string): void {
    this.#shards.set(id, { id, parentId, records: [], closed: false });
  }

  close(id: string): void {
    this.#shard(id).closed = true;
  }

  append(id: string, ...names: string[]): void {
    for (const name of names) this.#shard(id).records.push(record(name, ++this.#sequence));
  }

  shards(): Promise<readonly Shard[]> {
    return Promise.resolve([...this.#shards.values()]);
  }

  iterator(shardId: string, from: ShardPosition): Promise<string> {
    const { records } = this.#shard(shardId);
    if (from.kind === 'TRIM_HORIZON') return Promise.resolve(`${shardId}@0`);
    if (from.kind === 'LATEST') return Promise.resolve(`${shardId}@${records.length}`);
    const index = records.findIndex(({ dynamodb }) => dynamodb.SequenceNumber === from.sequenceNumber);
    return Promise.resolve(`${shardId}@${index + 1}`);
  }

  read(iterator: string, recordsMax: number): Promise<ShardPage> {
    this.reads++;
    const failure = this.failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    const [id = '', at] = iterator.split('@');
    const shard = this.#shard(id);
    const records = shard.records.slice(Number(at), Number(at) + recordsMax);
    const next = Number(at) + records.length;
    const ended = shard.closed && next === shard.records.length;
    return Promise.resolve({ records, next: ended ? undefined : `${id}@${next}` });
  }

  #shard(id: string): FakeShard {
    const shard = this.#shards.get(id);
    if (shard === undefined) throw new Error(`no shard ${id}`);
    return shard;
  }
}

function record(name: string, sequence: number): StreamRecord {
  return {
    eventID: String(sequence),
    eventName: name.startsWith('-') ? 'REMOVE' : 'INSERT',
    eventSource: 'aws:dynamodb',
    dynamodb: { SequenceNumber: String(sequence), Keys: { pk: { S: name } } },
  };
}

/** What was appended as `name`. */
export function nameOf({ dynamodb }: StreamRecord): string {
  const { pk } = dynamodb.Keys;
  if (pk === undefined || !('S' in pk)) throw new Error('no name');
  return pk.S;
}
