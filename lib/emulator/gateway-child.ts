import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { assert } from '../base/assert.js';
import { type Clock, sleep } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { EmulatorError } from './errors.js';
import type { FromGateway, GatewayConfig, ToGateway } from './gateway-messages.js';
import { listenError } from './ports.js';
import type { ProcessIdentity } from './process-identity.js';

/** A gateway process that ended is started again this often within the window; then the emulator gives up. */
export const RESTARTS_MAX = 30;
export const RESTART_WINDOW_MS = 60_000;

/** Pause before a gateway process is started again. */
const RESTART_PAUSE_MS = 100;

/** A process that has not answered by then never will. */
const READY_MS_MAX = 60_000;

/** A process that was told to stop and has not ended by then is killed. */
const STOP_MS_MAX = 1_000;

export interface GatewayChildOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once when the process ended too often. */
  readonly onLost: (error: EmulatorError) => void;
}

/** One gateway as an operating system process of its own, started again when it crashes. */
export class GatewayChild {
  readonly #options: GatewayChildOptions;
  #child: ChildProcess;
  #engine: ProcessIdentity | undefined;
  #config: GatewayConfig | undefined;
  #restarts: number[] = [];
  #stopping = false;

  /** The process begins to load at once, and waits for {@link start}. */
  constructor(options: GatewayChildOptions) {
    this.#options = options;
    this.#child = spawnGateway();
  }

  /** From now on the process ends the engine when this one is gone without a word. */
  guard(engine: ProcessIdentity): void {
    this.#engine = engine;
    tell(this.#child, { type: 'guard', engine });
  }

  /** Resolves to the gateway's port when it is ready; throws {@link EmulatorError} when it fails at its first start. */
  async start(config: GatewayConfig): Promise<number> {
    assert(this.#config === undefined, 'a gateway process is started once');
    this.#config = config;
    const port = await this.#begin(config);
    this.#config = {
      ...config,
      settings: { ...config.settings, client: { ...config.settings.client, port } },
    };
    return port;
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (isGone(child)) return;
    const gone = once(child, 'exit');
    const cancel = this.#options.clock.after(STOP_MS_MAX, () => child.kill('SIGKILL'));
    tell(child, { type: 'stop' });
    await gone;
    cancel();
  }

  async #begin(config: GatewayConfig): Promise<number> {
    const child = this.#child;
    child.on('error', (error) => this.#options.logger.error('a gateway process has a problem', { error }));
    const answer = this.#answer(child);
    tell(child, { type: 'start', config });
    const port = await answer;
    // In between it may have ended again: then nobody would tell.
    if (isGone(child)) void this.#restart(`exit code ${child.exitCode ?? 'none'}`);
    else child.once('exit', (code, signal) => void this.#restart(signal ?? `exit code ${code ?? 'none'}`));
    return port;
  }

  /** The port; rejects when the process fails, ends or says nothing. */
  #answer(child: ChildProcess): Promise<number> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        cancel();
        child.off('message', onMessage);
        child.off('exit', onExit);
        finish();
      };
      const fail = (error: EmulatorError) => settle(() => reject(error));
      const onMessage = (message: unknown) => {
        const said = message as FromGateway;
        if (said.type === 'ready') settle(() => resolve(said.port));
        else fail(gatewayError(said, this.#config));
      };
      const onExit = () =>
        fail(new EmulatorError('GatewayFailed', 'a gateway process ended before it was ready: see above'));
      const cancel = this.#options.clock.after(READY_MS_MAX, () => {
        child.kill('SIGKILL');
        fail(new EmulatorError('GatewayFailed', `a gateway was not ready within ${READY_MS_MAX / 1000} s`));
      });
      child.on('message', onMessage);
      child.once('exit', onExit);
      if (isGone(child)) onExit();
    });
  }

  async #restart(reason: string): Promise<void> {
    const { clock, logger, onLost } = this.#options;
    const config = this.#config;
    assert(config !== undefined, 'a gateway process is restarted only after its start');
    if (this.#stopping) return;
    if (!this.#mayRestart()) {
      const times = `${RESTARTS_MAX} times in ${RESTART_WINDOW_MS / 1000} s`;
      onLost(
        new EmulatorError(
          'GatewayFailed',
          `the gateway at port ${config.settings.client.port} ended ${times}: see above`,
        ),
      );
      return;
    }
    logger.warn('a gateway process ended and is started again', {
      port: config.settings.client.port,
      reason,
    });
    await sleep(clock, RESTART_PAUSE_MS);
    if (!(await this.#tryAgain(config))) await this.#restart('it did not get ready');
  }

  #mayRestart(): boolean {
    const nowMs = this.#options.clock.monotonic();
    this.#restarts = [...this.#restarts.filter((atMs) => nowMs - atMs < RESTART_WINDOW_MS), nowMs];
    return this.#restarts.length <= RESTARTS_MAX;
  }

  async #tryAgain(config: GatewayConfig): Promise<boolean> {
    if (this.#stopping) return true;
    this.#child = spawnGateway();
    if (this.#engine !== undefined) this.guard(this.#engine);
    try {
      await this.#begin(config);
      return true;
    } catch (error) {
      this.#options.logger.error('a gateway process did not get ready', { error });
      return false;
    }
  }
}

function spawnGateway(): ChildProcess {
  return fork(fileURLToPath(new URL('./gateway-process.js', import.meta.url)), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--enable-source-maps'],
  });
}

function isGone(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** A process that is gone hears nothing; that it is gone shows in its exit. */
function tell(child: ChildProcess, message: ToGateway): void {
  if (child.connected) child.send(message, () => undefined);
}

function gatewayError(
  { code, message }: Extract<FromGateway, { type: 'failed' }>,
  config: GatewayConfig | undefined,
): EmulatorError {
  const { host = '', port = '' } = config?.settings.client ?? {};
  const at = `${host}:${port}`;
  if (code === 'EADDRINUSE') return listenError({ code, message }, at);
  return new EmulatorError('GatewayFailed', `the gateway at ${at} did not start: ${message}`);
}
