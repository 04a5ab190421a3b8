import { describe, expect, it } from 'vitest';

import { jsonLogger, silentLogger } from '../../lib/base/logger.js';
import { KeeperError } from '../../lib/keeper/types.js';

function recording(level: 'debug' | 'info' | 'warn' | 'error') {
  const lines: string[] = [];
  const logger = jsonLogger({ level, now: () => 1_700_000_000_000, write: (line) => lines.push(line) });
  return { logger, lines, events: () => lines.map((line) => JSON.parse(line) as unknown) };
}

describe('the logger', () => {
  it('writes one line of JSON for each event, from its level upwards', () => {
    const { logger, lines, events } = recording('warn');
    logger.debug('too fine');
    logger.info('fine');
    logger.warn('coarse', { session: 5n });
    logger.error('coarser');
    expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
    expect(events()).toEqual([
      { time: '2023-11-14T22:13:20.000Z', level: 'warn', message: 'coarse', session: '5' },
      { time: '2023-11-14T22:13:20.000Z', level: 'error', message: 'coarser' },
    ]);
  });

  it('says of an error what it is, with its code and its cause', () => {
    const { logger, events } = recording('debug');
    const cause = new Error('socket hang up');
    logger.info('failed', { error: new KeeperError('StoreUnavailable', 'no answer', { cause }) });
    expect(events()).toMatchObject([
      {
        error: {
          name: 'KeeperError',
          code: 'StoreUnavailable',
          message: 'no answer',
          cause: { name: 'Error', message: 'socket hang up' },
        },
      },
    ]);
  });

  it('adds the fields that it was made with', () => {
    const { logger, events } = recording('info');
    logger.with({ gateway: 'g1' }).with({ peer: 'p' }).info('hello', { peer: 'q' });
    expect(events()).toMatchObject([{ gateway: 'g1', peer: 'q' }]);
  });

  it('may drop everything', () => {
    expect(() => silentLogger.with({}).error('x')).not.toThrow();
  });
});
