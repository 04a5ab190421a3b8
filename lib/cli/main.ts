#!/usr/bin/env node
import { dispatch } from './dispatch.js';
import { holdProcess, processIo } from './io.js';

// Loaded only when it is asked for: it brings the emulator with it, which the other commands do without.
const start = async (args: string[]): Promise<number> => {
  const { run } = await import('./start.js');
  return await run(args);
};

const release = holdProcess();
try {
  process.exitCode = await dispatch(process.argv.slice(2), processIo(), start);
} finally {
  release();
}
