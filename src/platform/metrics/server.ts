import { createServer, type Server } from 'node:http';
import { prometheusContentType } from 'prom-client';

/** Who tells the numbers: one process, or the supervisor of several. */
export type ScrapedMetrics = { render(): Promise<string> };

/** Serves `GET /metrics`, and nothing else, for METRICS_PORT: never on the public port, since the numbers tell how an installation is doing. */
export function createMetricsServer(metrics: ScrapedMetrics): Server {
  return createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('The metrics are at /metrics.\n');
      return;
    }
    metrics.render().then(
      (text) => response.writeHead(200, { 'content-type': prometheusContentType, 'cache-control': 'no-store' }).end(text),
      () => response.writeHead(500).end(),
    );
  });
}

/** Serves them at METRICS_PORT. It keeps no process alive. */
export async function openMetricsPort({ port, host, metrics }: { port: number; host: string; metrics: ScrapedMetrics }): Promise<void> {
  const server = createMetricsServer(metrics).unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
}
