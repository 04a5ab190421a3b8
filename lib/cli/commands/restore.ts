import { RestoreError, restore, ZXID_JUMP_DEFAULT, type RestoreReport } from '../../operations/restore.js';
import { KeeperError } from '../../keeper/types.js';
import { StoreError } from '../../log/store.js';
import { UsageError, type Command } from '../command.js';
import { setting } from '../deployment.js';
import { toJson } from '../format.js';

export const command: Command = {
  name: 'restore',
  usage: '--table-prefix PREFIX --namespace NAME --yes',
  summary: 'make one deployment again of tables that were restored to different instants',
  details: `  For tables that point-in-time recovery has made, before anything uses them. The log decides; the other
  rows follow from it, zxids jump beyond all that were ever issued, and all sessions end. Once for each
  namespace. docs/OPERATIONS.md tells the whole procedure.

  --table-prefix PREFIX  the tables are called PREFIX-log and so on
  --namespace NAME       the tree
  --zxid-jump N          how far zxids jump (${ZXID_JUMP_DEFAULT})
  --region, --endpoint   where the tables are, if the environment does not say
  --yes                  the tables are changed: nothing else uses them`,
  options: {
    'table-prefix': { type: 'string' },
    namespace: { type: 'string' },
    'zxid-jump': { type: 'string' },
    region: { type: 'string' },
    endpoint: { type: 'string' },
    yes: { type: 'boolean' },
  },
  argumentsMax: 0,
  async run(invocation) {
    const tablePrefix = invocation.text('table-prefix');
    const namespace = invocation.text('namespace');
    const zxidJump = invocation.integer('zxid-jump') ?? ZXID_JUMP_DEFAULT;
    if (tablePrefix === undefined || namespace === undefined) {
      throw new UsageError('--table-prefix and --namespace are needed: nothing is guessed here');
    }
    if (zxidJump < 1) throw new UsageError('--zxid-jump wants a number above 0');
    if (!invocation.flag('yes'))
      throw new UsageError('it changes the tables: say --yes when nothing else uses them');
    const { awsRestore } = await import('../../operations/aws-restore.js');
    const region = setting(invocation, 'region', 'REGION');
    const at = { region, endpoint: invocation.text('endpoint'), tablePrefix, namespace };
    try {
      const report = await restore({ ...awsRestore(at), zxidJump });
      invocation.io.stdout(invocation.json ? toJson(report) : text(report));
      return 0;
    } catch (error) {
      const isKnown = [RestoreError, StoreError, KeeperError].some((kind) => error instanceof kind);
      if (!isKnown) throw error;
      invocation.io.stderr(`${(error as Error).message}\n`);
      return 1;
    }
  },
};

function text(report: RestoreReport): string {
  const { restoredTo, restoredToMs, entriesDropped, jumpedTo, sessionsClosed } = report;
  const dropped = entriesDropped === 0 ? '' : ` ${entriesDropped} entries beyond could not be kept.`;
  return (
    `Restored up to zxid ${restoredTo}, ${new Date(restoredToMs).toISOString()}.${dropped}\n` +
    `New transactions begin above ${jumpedTo}. ${sessionsClosed} sessions were closed.\n`
  );
}
