/** The server: one process, or a supervisor of several (WORKERS). */
import { inspect } from 'node:util';
import { ConfigurationError, isDebugging, loadConfig } from './config/index.js';
import { createSupervisor, isWorker, STOP_TIMEOUT_MS } from './platform/cluster/index.js';
import { AppError } from './platform/errors.js';
import { tuneHeap } from './platform/heap.js';
import { createLogger } from './platform/log/index.js';
import { openMetricsPort } from './platform/metrics/index.js';
import { describeSystemFailure } from './platform/system-failure.js';

async function main(): Promise<void> {
  tuneHeap();
  const config = loadConfig();
  if (config.workers === 1 || isWorker()) {
    // The supervisor needs none of what serving needs, so it stays small.
    const { serve } = await import('./serve.js');
    return serve(config);
  }
  const log = createLogger({ level: config.logLevel, format: config.logFormat, worker: 'supervisor' });
  const stopTimeoutMs = config.shutdownDelaySeconds * 1000 + STOP_TIMEOUT_MS + 500;
  const supervisor = createSupervisor({
    workers: config.workers,
    poolThreads: config.workerPoolThreads,
    log,
    stopTimeoutMs,
    onHopeless() {
      log.error('no worker stays up: giving up');
      process.exit(1);
    },
  });
  const stop = (signal: 'SIGTERM' | 'SIGINT') => void supervisor.stop(signal).then(() => process.exit(0));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => void supervisor.replaceAll());
  if (config.metricsPort !== undefined)
    await openMetricsPort({ port: config.metricsPort, host: config.host, metrics: { render: supervisor.renderMetrics } });
  await supervisor.start();
  log.info({ workers: config.workers }, 'all workers are ready');
}

/** Why there is no server, in words where somebody can mend it; the whole error for whoever sets LOG_LEVEL=debug, and where no words are known. */
function describeFailure(error: unknown): string {
  if (error instanceof ConfigurationError) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  const told = (text: string) => `Latchkey cannot start: ${text}${isDebugging() ? `\n${inspect(error)}` : ''}`;
  if (error instanceof AppError) return told(error.message);
  if (code === 'EADDRINUSE') return told(`${message}. Stop the other program, or set PORT to a free port.`);
  if (message?.startsWith('listen ')) return told(`${message}. Set HOST and PORT to where this user may listen.`);
  const words = describeSystemFailure(error);
  return words ? told(words.join(' ')) : `Latchkey cannot start: ${inspect(error)}`;
}

main().catch((error: unknown) => {
  console.error(describeFailure(error));
  process.exit(1);
});
