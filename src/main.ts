/** The server: one process, or a supervisor of several (WORKERS). */
import { ConfigurationError, loadConfig } from './config/index.js';
import { createSupervisor, isWorker, STOP_TIMEOUT_MS } from './platform/cluster/index.js';
import { AppError } from './platform/errors.js';
import { createLogger } from './platform/log/index.js';
import { openMetricsPort } from './platform/metrics/index.js';

async function main(): Promise<void> {
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

main().catch((error: unknown) => {
  if (error instanceof ConfigurationError) console.error(error.message);
  else if (error instanceof AppError) console.error(`Latchkey cannot start: ${error.message}`);
  else if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    console.error(`Latchkey cannot start: ${(error as Error).message}. Stop the other program, or set PORT to a free port.`);
  } else console.error('Latchkey cannot start:', error);
  process.exit(1);
});
