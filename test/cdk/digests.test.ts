import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ZeroKeeperStack } from '../../cdk/stack.js';
import { deploy } from '../../lib/emulator/deployment.js';
import { readDeploymentSettings } from '../../lib/emulator/template.js';
import { build, ROOT } from '../support/build.js';

const outdir = mkdtempSync(join(tmpdir(), 'zerokeeper-synth-'));
afterAll(() => rmSync(outdir, { recursive: true }));
beforeAll(build, 120_000);

const digestOf = (file: URL | string) => createHash('sha256').update(readFileSync(file)).digest('hex');

describe('the code of the functions', () => {
  it('is in the template the very same that the emulator runs', () => {
    const app = new App({ outdir, analyticsReporting: false });
    new ZeroKeeperStack(app, 'Test');
    app.synth();
    const deployed = readdirSync(outdir, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('index.mjs'))
      .map((file) => digestOf(join(outdir, file)));
    const surroundings = {
      ...({ tablePrefix: 'zk', namespace: 'default', logLevel: 'info', queue: undefined } as const),
      ...{ dynamo: 'http://127.0.0.1:1', lambda: 'http://127.0.0.1:1', management: 'http://127.0.0.1:1' },
    };
    const bundles = pathToFileURL(`${ROOT}/dist/functions-bundles/`);
    const run = deploy(surroundings, readDeploymentSettings().functions, bundles).map(({ module }) =>
      digestOf(module),
    );
    expect(run).toHaveLength(5);
    expect(deployed.sort()).toEqual(run.sort());
  }, 120_000);
});
