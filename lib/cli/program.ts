/** What the commands have in common that serve until they are told to end. */

/** What package.json's `engines` says. */
export const NODE_MIN = [20, 19] as const;

/** Whether a version as `process.versions.node` gives it is below what is supported. */
export function isNodeTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1]);
}

/** Resolves when the process is told to end. */
export function signalled(): Promise<'signal'> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => resolve('signal'));
  });
}

/** Says in one line why a command ends. */
export function failed(message: string, code: number): number {
  process.stderr.write(`zerokeeper: ${message}\n`);
  return code;
}
