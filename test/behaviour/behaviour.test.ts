import { directTarget } from './support/direct-target.js';
import { gatewayTarget, tcpTarget } from './support/gateway-target.js';
import { lambdaTarget } from './support/lambda-target.js';
import { runBehaviour } from './suite.js';

const WIRE_PROTOCOL = {
  exactlyOnce: 'the protocol cannot tell a repeated request from a new one',
  changes: 'the protocol has no such request',
  statInMulti: 'the protocol tells no stat of a create in a multi',
};

runBehaviour('tcp to a gateway', gatewayTarget, {
  exceptions: WIRE_PROTOCOL,
});

runBehaviour('lambda', lambdaTarget);

runBehaviour('direct', directTarget);

// A real ZooKeeper, as HOST:PORT.
const zookeeper = process.env['ZK_TARGET'];
if (zookeeper !== undefined) {
  runBehaviour('tcp to ZooKeeper', () => Promise.resolve(tcpTarget(zookeeper, () => Promise.resolve())), {
    exceptions: WIRE_PROTOCOL,
  });
}
