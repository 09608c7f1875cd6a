import { LRUCache } from 'lru-cache';
import { type Client, Provider } from 'oidc-provider';
import { now } from '../platform/clock.js';
import type { Outbound } from '../platform/outbound/index.js';
import { createWorkSlot } from '../platform/trace/index.js';
import { type FetchSector, isOperatorMade, keepUsableKeys } from './clients/index.js';

/** How long an address that gave nothing is left alone: every request of its client would ask it again. */
const FAILURE_SECONDS = 10;
/** The longest that keys are taken as current without a look; whoever says more in `Cache-Control` could not take a key back. */
const MAX_AGE_SECONDS = 3600;

export type ProviderFetch = {
  fetch: typeof globalThis.fetch;
  /** Work for a client outside of its own requests: what it fetches, it fetches for that client. */
  onBehalfOf<Result>(client: Client, work: () => Promise<Result>): Promise<Result>;
};

/**
 * The provider's `fetch`. What it asks for is JSON that a client published; anything else, and any status but 200, is a failure, which is remembered
 * for a moment.
 */
export function createProviderFetch({ outbound }: { outbound: Outbound }): ProviderFetch {
  const clients = createWorkSlot<Client>();
  const failures = new LRUCache<string, Error>({ max: 1000, ttl: FAILURE_SECONDS * 1000, ttlResolution: 0, perf: { now } });

  const fetch: ProviderFetch['fetch'] = async (address, { method = 'GET', headers, body, signal } = {}) => {
    const url = new URL(address instanceof Request ? address.url : address).href;
    const trusted = isNamedByOperator(url, clients.get() ?? Provider.ctx?.oidc?.client);
    const sent = { url, trusted, purpose: 'provider', headers, signal: signal ?? undefined };
    if (method !== 'GET') return outbound.fetch({ ...sent, method: 'POST', body: String(body ?? '') });
    const place = `${trusted} ${url}`;
    const failed = failures.get(place);
    if (failed) throw failed;
    try {
      const response = await outbound.fetch(sent);
      if (response.status !== 200) throw new Error(`expected 200 OK, got ${response.status}`);
      const document = keepUsableKeys(await response.json());
      return new Response(JSON.stringify(document), { status: 200, headers: cacheable(response.headers) });
    } catch (error) {
      failures.set(place, error as Error);
      throw error;
    }
  };
  return { fetch, onBehalfOf: clients.run };
}

/** What is at a `sector_identifier_uri`, when a client is registered with it. */
export function createSectorFetch({ outbound }: { outbound: Outbound }): FetchSector {
  return async (url, { trusted }) => {
    const response = await outbound.fetch({ url, trusted, purpose: 'sector_identifier_uri', headers: { accept: 'application/json' } });
    if (response.status !== 200) throw new Error(`expected 200 OK, got ${response.status}`);
    return response.json();
  };
}

/** Whether an operator made the client that is fetched for, and it is this client that names the address. */
function isNamedByOperator(url: string, client: Client | undefined): boolean {
  return client?.jwksUri !== undefined && isOperatorMade(client) && new URL(client.jwksUri).href === url;
}

function cacheable(given: Headers): Headers {
  const maxAge = Number(/max-age=(\d{1,9})/.exec(given.get('cache-control') ?? '')?.[1] ?? 0);
  const type = given.get('content-type');
  return new Headers({
    ...(type === null ? {} : { 'content-type': type }),
    'cache-control': `max-age=${Math.min(maxAge, MAX_AGE_SECONDS)}`,
  });
}
