import { createServer, type Server } from 'node:http';
import type { Metrics } from './metrics.js';

/** Serves `GET /metrics`, and nothing else, for METRICS_PORT: never on the public port, since the numbers tell how an installation is doing. */
export function createMetricsServer(metrics: Metrics): Server {
  metrics.watchProcess();
  return createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('The metrics are at /metrics.\n');
      return;
    }
    metrics.render().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' }).end(text),
      () => response.writeHead(500).end(),
    );
  });
}
