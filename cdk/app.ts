/** `npm run synth` writes the stack's template to cdk.out, without credentials and without the network. */
import { App, Stack } from 'aws-cdk-lib';
import { ZeroKeeperTables } from './tables.js';

const app = new App({ outdir: 'cdk.out', analyticsReporting: false });
const stack = new Stack(app, 'ZeroKeeper', { description: 'The tables of ZeroKeeper' });
new ZeroKeeperTables(stack, 'Tables');
app.synth();
