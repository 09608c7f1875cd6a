/** One process that serves: services, listening, and a graceful stop. Alone, or as a worker under the supervisor of `main.ts`. */
import { setTimeout as delay } from 'node:timers/promises';
import { createApp } from './app.js';
import type { Config } from './config/index.js';
import { isFirst, isWorker, joinSupervisor, STOP_TIMEOUT_MS, workerId } from './platform/cluster/index.js';
import { createGracefulServer } from './platform/http/index.js';
import { createLogger } from './platform/log/index.js';
import { openMetricsPort } from './platform/metrics/index.js';
import { createServices } from './services.js';
import { welcome } from './welcome.js';

/** Requests that are under way when the process is told to stop have this long to be answered. */
const REQUESTS_TIMEOUT_MS = 7_000;

/** Serves until the process is told to stop. @throws whatever keeps it from starting */
export async function serve(config: Config): Promise<void> {
  const started = performance.now();
  const worker = isWorker();
  const log = createLogger({ level: config.logLevel, format: config.logFormat, worker: workerId() });
  const services = await createServices(config, { log, prepared: worker && !isFirst() });
  const app = createApp(services);
  const server = createGracefulServer((request, response) => app.handle(request, response));
  await server.listen(config.port, config.host);
  if (config.metricsPort !== undefined) {
    services.metrics.watchProcess();
    if (!worker) await openMetricsPort({ port: config.metricsPort, host: config.host, metrics: services.metrics });
  }
  services.start();

  let stopping = false;
  /** @param retired a successor has the port, so there is time, and nobody has to be told by the readiness */
  async function stop({ retired = false } = {}): Promise<void> {
    if (stopping) return;
    stopping = true;
    const delaySeconds = retired ? 0 : config.shutdownDelaySeconds;
    log.info(delaySeconds > 0 ? { delaySeconds } : {}, 'stopping: finishing what is under way');
    if (!retired) app.health.stopServing();
    server.discourage();
    const jobs = services.endJobs();
    await delay(delaySeconds * 1000);
    setTimeout(() => {
      log.warn('not everything was finished when the time was up');
      process.exit(0);
    }, STOP_TIMEOUT_MS).unref();
    const finished = await server.close({ timeoutMs: REQUESTS_TIMEOUT_MS, keepIdle: retired || delaySeconds > 0 });
    if (!finished) log.warn('requests were still under way when the time was up');
    await jobs;
    await services.close();
    await supervisor?.leave();
    process.exit(0);
  }

  const supervisor = worker
    ? joinSupervisor({ metrics: services.metrics.snapshot, onRetire: () => void stop({ retired: true }) })
    : undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());
  // A closed terminal tells the whole group; with several workers the supervisor alone knows what it means, and one process stops as it would for SIGTERM.
  process.on('SIGHUP', () => (worker ? undefined : void stop()));
  const ms = Math.round(performance.now() - started);
  log.info({ issuer: config.issuerUrl, host: config.host, port: config.port, hashesAtOnce: config.hashConcurrency, ms }, 'ready');
  if (!worker || isFirst()) await welcome({ services, ms });
  supervisor?.ready();
}
