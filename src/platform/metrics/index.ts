/**
 * Owns: the numbers a monitoring system reads (Prometheus text format) and the port of their own that they are served on.
 * Does not own: when something is counted. Labels come from closed sets only, so that nobody can make series without end.
 */
export { countSignIns } from './audit-metrics.js';
export { createMetrics, type Gauges, type Metrics, type MetricsSnapshot, type RequestMeasure } from './metrics.js';
export { createMetricsServer, openMetricsPort, type ScrapedMetrics } from './server.js';
