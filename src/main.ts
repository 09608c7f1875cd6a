/** The server process: settings, services, listening, and a graceful stop. */
import { createServer, type Server } from 'node:http';
import { createApp } from './app.js';
import { ConfigurationError, loadConfig } from './config/index.js';
import { AppError } from './platform/errors.js';
import { createLogger, type Logger } from './platform/log/index.js';
import { createMetricsServer } from './platform/metrics/index.js';
import { createServices, type Services } from './services.js';
import { welcome } from './welcome.js';

/** What may still be under way when the process is told to stop has this long to finish. */
const STOP_TIMEOUT_MS = 8_000;

async function main(): Promise<void> {
  const started = performance.now();
  const config = loadConfig();
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  const services = await createServices(config, { log });
  const app = createApp(services);
  const server = createServer((request, response) => app.handle(request, response));
  // A client that sends its request a byte at a time must not hold a connection for ever.
  server.requestTimeout = 30_000;
  server.headersTimeout = 15_000;
  await listen(server, config.port, config.host);
  if (config.metricsPort !== undefined) await listen(createMetricsServer(services.metrics).unref(), config.metricsPort, config.host);
  services.start();
  const stop = stopOnce({ server, services, app, log });
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  log.info({ issuer: config.issuerUrl, host: config.host, port: config.port, ms: Math.round(performance.now() - started) }, 'ready');
  await welcome({ services, ms: Math.round(performance.now() - started) });
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
}

function stopOnce({
  server,
  services,
  app,
  log,
}: {
  server: Server;
  services: Services;
  app: ReturnType<typeof createApp>;
  log: Logger;
}): () => void {
  let stopping = false;
  return () => {
    if (stopping) return;
    stopping = true;
    log.info('stopping: finishing what is under way');
    app.health.stopServing();
    const force = setTimeout(() => {
      log.warn('requests were still under way when the time was up');
      process.exit(0);
    }, STOP_TIMEOUT_MS);
    server.close(() => {
      void services.close().then(() => {
        clearTimeout(force);
        process.exit(0);
      });
    });
    server.closeIdleConnections();
  };
}

main().catch((error: unknown) => {
  if (error instanceof ConfigurationError) console.error(error.message);
  else if (error instanceof AppError) console.error(`Latchkey cannot start: ${error.message}`);
  else if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    console.error(`Latchkey cannot start: ${(error as Error).message}. Stop the other program, or set PORT to a free port.`);
  } else console.error('Latchkey cannot start:', error);
  process.exit(1);
});
