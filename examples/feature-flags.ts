/** A reader of feature flags (configuration): typed, live, and never anything that the schema refuses. */
import { connect } from 'zerokeeper';
import { startEmulator } from 'zerokeeper/emulator';
import { Configuration } from 'zerokeeper/recipes';
import { z } from 'zod';

const Flags = z.object({ newCheckout: z.boolean(), trafficShare: z.number().min(0).max(1) });

await using emulator = await startEmulator();
await using operator = await connect(emulator.connectOptions('tcp'));
await using client = await connect(emulator.connectOptions('lambda'));

await operator.createJson('/flags', { newCheckout: false, trafficShare: 0 });
const configuration = new Configuration(client, '/flags', {
  schema: Flags,
  onInvalid: () => console.log('somebody wrote nonsense: the old flags hold on'),
});
for await (const flags of configuration.updates()) {
  console.log('the flags are', JSON.stringify(flags));
  if (flags.trafficShare === 0) {
    await operator.setJson('/flags', { newCheckout: true, trafficShare: 7 });
    await operator.setJson('/flags', { newCheckout: true, trafficShare: 0.5 });
  }
  if (flags.newCheckout) break;
}
