import { describe, expect, it } from 'vitest';
import { UsageError } from '../../lib/cli/command.js';
import { isNodeTooOld } from '../../lib/cli/program.js';
import { HELP, parseStart } from '../../lib/cli/start.js';
import { useFiles } from '../gateway/support/certificates.js';

const file = useFiles();

describe('the arguments of zerokeeper start', () => {
  it('have the defaults that the help names', () => {
    expect(parseStart([])).toEqual({
      tables: { kind: 'directory', path: '.zerokeeper' },
      host: '127.0.0.1',
      port: 2181,
      gateways: 1,
      namespace: 'default',
      logLevel: 'warn',
    });
    for (const value of [
      '(2181)',
      '(9001, or a free one)',
      '(127.0.0.1)',
      '(1)',
      '(.zerokeeper)',
      '(default)',
      '(warn)',
    ]) {
      expect(HELP).toContain(value);
    }
  });

  it('are understood', () => {
    const args = [
      '--port',
      '4000',
      '--gateways=3',
      '--lambda-port=0',
      '--host',
      '::1',
      '--namespace',
      'orders',
      '--log-level',
      'debug',
    ];
    const expected = {
      host: '::1',
      port: 4000,
      lambdaPort: 0,
      gateways: 3,
      namespace: 'orders',
      logLevel: 'debug',
    };
    expect(parseStart(args)).toMatchObject(expected);
    expect(parseStart(['--memory'])).toMatchObject({ tables: { kind: 'memory' } });
    expect(parseStart(['--data', 'd'])).toMatchObject({ tables: { kind: 'directory', path: 'd' } });
    expect(parseStart(['--endpoint', 'http://127.0.0.1:8000'])).toMatchObject({
      tables: { kind: 'endpoint', url: 'http://127.0.0.1:8000' },
    });
    expect(parseStart(['--help', '--port', 'x'])).toBe('help');
  });

  it('with a zoo.cfg open its port to the network, and not the functions, whose callers are trusted', () => {
    const config = file('zoo.cfg', 'clientPort=2181\ndataDir=/var/lib/zookeeper\n');
    expect(parseStart(['--config', config])).toMatchObject({ host: '0.0.0.0', lambdaHost: '127.0.0.1' });
  });

  it.each([
    [['--port', 'x'], '--port has to be a number from 0 to 65535, but is "x"'],
    [['--port', '65535', '--gateways', '2'], '--port has to be a number from 0 to 65534'],
    [['--lambda-port', '70000'], '--lambda-port has to be a number from 0 to 65535'],
    [['--gateways', '0'], '--gateways has to be a number from 1 to 16'],
    [['--gateways', '17'], '--gateways has to be a number from 1 to 16'],
    [['--log-level', 'loud'], '--log-level has to be one of debug, info, warn, error'],
    [['--namespace', 'a#b'], '--namespace has to be'],
    [['--namespace', ''], '--namespace has to be'],
    [['--endpoint', 'localhost:8000'], '--endpoint has to be a URL'],
    [['--host', ''], '--host has to be an address'],
    [['--data', ''], '--data has to be a directory'],
    [['--memory', '--data', 'd'], 'only one of --data, --memory and --endpoint'],
    [['--prot', '1'], "Unknown option '--prot'"],
    [['extra'], "Unexpected argument 'extra'"],
  ])('are refused: %j', (args, message) => {
    expect(() => parseStart(args)).toThrow(UsageError);
    expect(() => parseStart(args)).toThrow(message);
  });
});

describe('the version of Node.js', () => {
  it.each([
    ['18.20.0', true],
    ['20.18.3', true],
    ['20.19.0', false],
    ['22.0.0', false],
  ])('%s is too old: %s', (version, tooOld) => {
    expect(isNodeTooOld(version)).toBe(tooOld);
  });
});
