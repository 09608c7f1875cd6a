/**
 * Owns: the numbers a monitoring system reads (Prometheus text format) and the port of their own that they are served on.
 * Does not own: when something is counted. Labels come from closed sets only, so that nobody can make series without end.
 */
import { createServer, type Server } from 'node:http';
import { Counter, Registry } from 'prom-client';

export type Metrics = {
  /** Rows that the purge deleted. @param kind of PurgeCounts */
  rowsPurged(kind: string, rows: number): void;
  /** A refresh token was used again after its reuse window: its grant was revoked. */
  tokenReuseDetected(): void;
  /** The text that is scraped. */
  render(): Promise<string>;
  contentType: string;
};

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const purged = new Counter({ name: 'auth_purged_rows_total', help: 'Expired rows that were deleted', labelNames: ['kind'], registers });
  const reused = new Counter({
    name: 'auth_token_reuse_detected_total',
    help: 'Refresh tokens that were used again after their reuse window',
    registers,
  });
  return {
    rowsPurged: (kind, rows) => purged.inc({ kind }, rows),
    tokenReuseDetected: () => reused.inc(),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

/** Serves `GET /metrics`, and nothing else, for METRICS_PORT: never on the public port, since the numbers tell how an installation is doing. */
export function createMetricsServer(metrics: Metrics): Server {
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
