import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What is read when somebody scrapes; each may ask the database, so each answers for a while (see STALE_MS). */
export type Gauges = {
  sessionsActive(): Promise<number>;
  accountsLocked(): Promise<number>;
  /** Messages that are still tried (platform/outbox), and how long the oldest of them has been; 0 where none is. */
  outbox(): Promise<{ waiting: number; oldestSeconds: number }>;
  signingKeyAgeSeconds(): number | undefined;
  passwordHashQueueDepth(): number;
};

/** A registry as prom-client writes it to JSON. */
export type MetricsSnapshot = { name: string; type: string | number; values: unknown[] }[];

export type RequestMeasure = { method: string; route: string; status: number; seconds: number };

export type Metrics = {
  requestAnswered(measure: RequestMeasure): void;
  /** @param reason of a failure; undefined for a success */
  loginFinished(reason: string | undefined): void;
  /** @param kind access_token, refresh_token or id_token */
  tokenIssued(grant: string, kind: string): void;
  refreshFinished(result: 'success' | 'refused'): void;
  /** Rows that the purge deleted. @param kind of PurgeCounts */
  rowsPurged(kind: string, rows: number): void;
  /** A refresh token was used again after its reuse window: its grant was revoked. */
  tokenReuseDetected(): void;
  /** What became of a question that an application put to a person (CIBA). @param result asked, not_asked, approved or refused */
  backchannelRequest(result: 'asked' | 'not_asked' | 'approved' | 'refused'): void;
  /** An API key was not taken. @param reason of a closed set (ApiKeyRefusal) */
  apiKeyRefused(reason: string): void;
  /** A statement went through. */
  statementFinished(seconds: number): void;
  /** It took longer than SLOW_QUERY_MS. */
  statementWasSlow(): void;
  /** Names where the gauges are read from. */
  gaugesFrom(gauges: Gauges): void;
  /** Adds what Node knows of the process, the lag of its event loop among it. */
  watchProcess(): void;
  /** The same as data, for whoever adds up the numbers of several processes. */
  snapshot(): Promise<MetricsSnapshot>;
  /** The text that is scraped. */
  render(): Promise<string>;
  contentType: string;
};

const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const STATEMENT_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
/** A scrape by several collectors counts rows once. */
const STALE_MS = 15_000;

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const requests = counter('http_requests_total', 'Requests that were answered', ['method', 'route', 'status']);
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time until a request was answered',
    labelNames: ['method', 'route'],
    buckets: REQUEST_BUCKETS,
    registers,
  });
  const logins = counter('auth_logins_total', 'Sign-ins with a password', ['result']);
  const failures = counter('auth_login_failures_total', 'Sign-ins that failed, by reason', ['reason']);
  const tokens = counter('auth_tokens_issued_total', 'Tokens that were issued', ['grant', 'kind']);
  const refreshes = counter('auth_token_refresh_total', 'Refreshes', ['result']);
  const reused = counter('auth_token_reuse_detected_total', 'Refresh tokens that were used again after their reuse window');
  const questions = counter('auth_backchannel_requests_total', 'Questions that applications put to people, by what became of them', [
    'result',
  ]);
  const purged = counter('auth_purged_rows_total', 'Expired rows that were deleted', ['kind']);
  const refusedKeys = counter('auth_api_key_refusals_total', 'API keys that were not taken, by reason', ['reason']);
  const slowStatements = counter('db_slow_queries_total', 'Statements that took longer than SLOW_QUERY_MS');
  const statements = new Histogram({
    name: 'db_query_duration_seconds',
    help: 'Time of a database statement',
    buckets: STATEMENT_BUCKETS,
    registers,
  });
  let sources: Gauges | undefined;
  // What is read from the database is the same in every process; `max` says it once.
  const gauge = (
    name: string,
    help: string,
    read: (from: Gauges) => Promise<number> | number | undefined,
    aggregator: 'max' | 'sum' = 'max',
  ) =>
    new Gauge({
      name,
      help,
      registers,
      aggregator,
      async collect() {
        const value = sources && (await read(sources));
        if (value === undefined) this.reset();
        else this.set(value);
      },
    });
  gauge('auth_sessions_active', 'Browser sessions somebody is signed in to', (from) => from.sessionsActive());
  gauge('auth_accounts_locked', 'Locks that are closed after failed sign-ins', (from) => from.accountsLocked());
  gauge(
    'auth_outbox_waiting_messages',
    'Messages to applications and webhooks that are still tried',
    async (from) => (await from.outbox()).waiting,
  );
  gauge(
    'auth_outbox_oldest_message_seconds',
    'Age in seconds of the oldest message that is still tried',
    async (from) => (await from.outbox()).oldestSeconds,
  );
  gauge('auth_signing_key_age_seconds', 'Since when the active key signs', (from) => from.signingKeyAgeSeconds());
  gauge('password_hash_queue_depth', 'Password hashes that wait for a core', (from) => from.passwordHashQueueDepth(), 'sum');

  return {
    requestAnswered({ method, route, status, seconds }) {
      requests.inc({ method, route, status });
      durations.observe({ method, route }, seconds);
    },
    loginFinished(reason) {
      logins.inc({ result: reason === undefined ? 'success' : 'failure' });
      if (reason !== undefined) failures.inc({ reason });
    },
    tokenIssued: (grant, kind) => tokens.inc({ grant, kind }),
    refreshFinished: (result) => refreshes.inc({ result }),
    rowsPurged: (kind, rows) => purged.inc({ kind }, rows),
    tokenReuseDetected: () => reused.inc(),
    backchannelRequest: (result) => questions.inc({ result }),
    apiKeyRefused: (reason) => refusedKeys.inc({ reason }),
    statementWasSlow: () => slowStatements.inc(),
    statementFinished: (seconds) => statements.observe(seconds),
    gaugesFrom(gauges) {
      sources = {
        ...gauges,
        sessionsActive: forAWhile(gauges.sessionsActive),
        accountsLocked: forAWhile(gauges.accountsLocked),
        outbox: forAWhile(gauges.outbox),
      };
    },
    watchProcess: () => collectDefaultMetrics({ register: registry }),
    snapshot: async () => (await registry.getMetricsAsJSON()) as unknown as MetricsSnapshot,
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

/** Monotonic time, since this is about how long ago something was asked. */
function forAWhile<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let last: { atMs: number; value: Promise<Value> } | undefined;
  return () => {
    const atMs = performance.now();
    if (!last || atMs - last.atMs > STALE_MS) {
      last = { atMs, value: read() };
      // A failed reading is not kept: the next scrape asks again.
      last.value.catch(() => (last = undefined));
    }
    return last.value;
  };
}
