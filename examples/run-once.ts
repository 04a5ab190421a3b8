/**
 * A job that must run once, though ten instances of a Lambda function are started for it: a lease without a session, so
 * that an instance needs one request to learn that somebody else does it.
 */
import { connect } from 'zerokeeper';
import { startEmulator } from 'zerokeeper/emulator';
import { JobLease } from 'zerokeeper/recipes';

const INSTANCES = 10;

await using emulator = await startEmulator();

/** What each instance of the function does. */
async function handler(instance: string): Promise<string> {
  const client = await connect({ ...emulator.connectOptions('lambda'), session: false });
  const lease = new JobLease(client, '/jobs/nightly-report', { holder: instance });
  const mine = await lease.take(15 * 60_000);
  if (mine === undefined) return 'skipped';
  console.log(`${instance} writes the report, with token ${mine.fencingToken}`);
  return 'done';
}

const outcomes = await Promise.all(Array.from({ length: INSTANCES }, (_, n) => handler(`instance-${n}`)));
const done = outcomes.filter((outcome) => outcome === 'done').length;
console.log(`${done} of ${INSTANCES} instances did the job`);
if (done !== 1) process.exitCode = 1;
