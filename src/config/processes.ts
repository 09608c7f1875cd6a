import { setting } from './define.js';
import * as value from './values.js';

/** How many processes serve, what each may use, and how it stops. */
export const processSettings = {
  workers: setting({
    name: 'WORKERS',
    group: 'Server',
    meaning: 'processes on this machine, under one that starts them again; more than 1 needs PostgreSQL. SIGHUP replaces them one by one',
    schema: value.integer(1, 128),
    fallback: '1',
  }),
  databaseConnections: setting({
    name: 'DATABASE_CONNECTIONS',
    group: 'Server',
    meaning: 'connections to PostgreSQL that each process has at most',
    schema: value.integer(2, 200),
    fallback: '10',
  }),
  shutdownDelaySeconds: setting({
    name: 'SHUTDOWN_DELAY_SECONDS',
    group: 'Server',
    meaning:
      'how long a server that was told to stop still takes connections, while `/readyz` says 503: as long as the load balancer in front needs to notice. With 0 new connections are refused at once, and kept ones that are idle are closed after a second',
    schema: value.integer(0, 300),
    fallback: '0',
  }),
  metricsPort: setting({
    name: 'METRICS_PORT',
    group: 'Server',
    meaning: 'port of the Prometheus metrics, at HOST; never reachable through the public port',
    schema: value.integer(1, 65535),
    fallbackNote: 'off',
  }),
};
