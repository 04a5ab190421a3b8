import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataDirectory } from '../../lib/emulator/data-directory.js';
import { EmulatorError } from '../../lib/emulator/errors.js';
import { startEngine } from '../../lib/emulator/engine.js';
import { identify, isRunning, killNow, ownIdentity } from '../../lib/emulator/process-identity.js';

let folder: string;
let lock: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'zerokeeper-'));
  lock = join(folder, 'emulator.lock');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a data directory', () => {
  it('is made when it is not there, and let go of without a trace', () => {
    const path = join(folder, 'a/b');
    const directory = DataDirectory.claim(path);
    expect(existsSync(join(path, 'emulator.lock'))).toBe(true);
    directory.release();
    expect(existsSync(join(path, 'emulator.lock'))).toBe(false);
  });

  it('cannot be claimed while the process that holds it is alive', () => {
    const held = DataDirectory.claim(folder);
    expect(() => DataDirectory.claim(folder)).toThrow(
      expect.objectContaining({
        code: 'DataDirectoryInUse',
        message: expect.stringContaining(`process id ${process.pid}: end it, or choose another`) as string,
      }),
    );
    held.release();
    DataDirectory.claim(folder).release();
  });

  it.each([
    ['of a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, started: 'x' })],
    ['of a process whose number another one has now', JSON.stringify({ pid: process.pid, started: 'x' })],
    ['that a crash of the machine left half written', '{"pid":'],
    ['that is empty', ''],
  ])('takes over a lock %s', (_, content) => {
    writeFileSync(lock, content);
    DataDirectory.claim(folder);
    expect(JSON.parse(readFileSync(lock, 'utf8'))).toEqual(ownIdentity());
  });

  it('leaves a lock alone that is no longer its own', () => {
    const directory = DataDirectory.claim(folder);
    writeFileSync(lock, 'of somebody else');
    directory.release();
    expect(readFileSync(lock, 'utf8')).toBe('of somebody else');
  });

  it('ends the engine that a killed emulator left behind on its database', async () => {
    const held = DataDirectory.claim(folder);
    const left = await startEngine({ dataFile: held.database });
    held.release();
    DataDirectory.claim(folder).release();
    expect(await left.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('says what to do when it cannot be made', () => {
    writeFileSync(join(folder, 'file'), '');
    const claim = () => DataDirectory.claim(join(folder, 'file'));
    expect(claim).toThrow(EmulatorError);
    expect(claim).toThrow(/cannot use the data directory .* choose another directory with --data/);
  });
});

describe('the identity of a process', () => {
  it('tells a process that runs from one that has ended', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const identity = identify(child.pid!)!;
    expect(isRunning(identity)).toBe(true);
    child.stdin.end();
    await once(child, 'exit');
    expect(isRunning(identity)).toBe(false);
    expect(identify(child.pid!)).toBeUndefined();
  });

  it('kills only the process that was meant', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const identity = identify(child.pid!)!;
    killNow({ ...identity, started: 'another time' });
    expect(isRunning(identity)).toBe(true);
    const ended = once(child, 'exit');
    killNow(identity);
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(() => killNow(identity)).not.toThrow();
  });
});
