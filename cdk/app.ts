/**
 * `npm run synth` writes the stack's template to cdk.out, without credentials and without the network. Options are context:
 * `npm run synth -- name=orders namespaces=production,staging functionUrl=true removalPolicy=destroy`, or the same as `-c` of
 * the CDK's own command line.
 */
import { App } from 'aws-cdk-lib';
import { contextOfArguments, gatewayFromContext, propsFromContext } from './context.js';
import { ZeroKeeperStack } from './stack.js';

const context = contextOfArguments(process.argv.slice(2));
const outdir = process.env['CDK_OUTDIR'] ?? 'cdk.out';
const app = new App({ outdir, analyticsReporting: false, context });
const zeroKeeper = propsFromContext(app.node);
const gateway = gatewayFromContext(app.node);
const { deploymentName } = zeroKeeper;
new ZeroKeeperStack(app, deploymentName === undefined ? 'ZeroKeeper' : `ZeroKeeper-${deploymentName}`, {
  zeroKeeper,
  ...(gateway === undefined ? {} : { gateway }),
});
app.synth();
