/** The constructs for stacks of your own. */
export { ZeroKeeperConstructError, type ZeroKeeperConstructErrorCode } from './constructs/errors.js';
export { FUNCTION_SETTINGS, type FunctionName } from './constructs/functions.js';
export {
  HISTORY_DAYS_MAX,
  HISTORY_DAYS_MIN,
  NAMESPACES_MAX,
  type FunctionSettings,
  type ZeroKeeperProps,
} from './constructs/props.js';
export { ZeroKeeperGateway } from './constructs/gateway.js';
export type { GatewayTls, ZeroKeeperGatewayProps } from './constructs/gateway-props.js';
export { ZeroKeeperTables, type ZeroKeeperTablesProps } from './constructs/tables.js';
export { ZeroKeeper, type NamespaceGrantOptions } from './constructs/zero-keeper.js';
export { ZeroKeeperStack, type ZeroKeeperStackProps } from './stack.js';
