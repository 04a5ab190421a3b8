#!/usr/bin/env node
import { dispatch, type Programs } from './dispatch.js';
import { holdProcess, processIo } from './io.js';

// Loaded only when they are asked for: they bring a server with them, which the other commands do without.
const programs: Programs = {
  start: async (args) => (await import('./start.js')).run(args),
  gateway: async (args) => (await import('./gateway.js')).run(args),
  server: async (args) => (await import('./server.js')).run(args),
};

const release = holdProcess();
try {
  process.exitCode = await dispatch(process.argv.slice(2), processIo(), programs);
} finally {
  release();
}
