import { LRUCache } from 'lru-cache';
import { now } from '../../platform/clock.js';
import { AppError } from '../../platform/errors.js';
import { parseUnambiguous } from '../../platform/http/index.js';
import { networkOf, type RateLimiter } from '../../platform/limits/index.js';
import type { Outbound } from '../../platform/outbound/index.js';
import { OutboundError } from '../../platform/outbound/index.js';
import type { Client, Clients } from '../clients/index.js';
import { isDocumentAddress } from './address.js';
import { documentUnreachable, documentUnusable, tooManyDocuments } from './errors.js';
import { freshSecondsOf } from './freshness.js';

export type ClientDocuments = {
  /**
   * The client as its document describes it now; null for an id that is no such address, or where documents are off. An operator's client of that id is
   * not looked for here.
   * @throws AppError `client_documents.unreachable`, `client_documents.unusable`, `client_documents.limited`
   */
  find(id: string): Promise<Client | null>;
  /** Stores it, so that a person can let it in. Does nothing for any other client. @throws as `find` */
  keep(id: string): Promise<void>;
};

/** A client and when its document was to be looked at again. */
type Known = { client: Client; freshUntil: number };

const MAX_KNOWN = 500;
/** How long a document is used after it should have been looked at again, while its host does not answer. What its host does answer counts at once. */
const TOLERANCE_MS = 3_600_000;
/** How long one that could not be used is left alone. */
const FAILURE_MS = 15_000;
/** Documents that one network makes this server fetch. Whoever signs in needs one or two. */
const FETCHES = { points: 30, windowSeconds: 60 };

export function createClientDocuments({
  clients,
  outbound,
  limits,
  currentIp,
  enabled,
}: {
  clients: Pick<Clients, 'readDocument' | 'keepDocument'>;
  outbound: Outbound;
  limits: Pick<RateLimiter, 'consume'>;
  /** where the request of this moment comes from */
  currentIp(): string | undefined;
  enabled: boolean;
}): ClientDocuments {
  const known = new LRUCache<string, Known>({ max: MAX_KNOWN });
  const failures = new LRUCache<string, AppError>({ max: MAX_KNOWN, ttl: FAILURE_MS, ttlResolution: 0, perf: { now } });
  const underWay = new Map<string, Promise<Client>>();

  async function fetchClient(id: string): Promise<Known> {
    const response = await outbound
      .fetch({ url: id, trusted: false, purpose: 'client_id', headers: { accept: 'application/json' } })
      .catch((error: unknown) => {
        throw error instanceof OutboundError ? documentUnreachable(error) : error;
      });
    if (response.status >= 500) throw documentUnreachable(new Error(`its host answered ${response.status}`));
    if (response.status !== 200) throw documentUnusable([{ path: '', message: `its host answered ${response.status}` }]);
    if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(response.headers.get('content-type') ?? ''))
      throw documentUnusable([{ path: '', message: 'its Content-Type is not application/json' }]);
    const document = await readDocument(response);
    if (document.client_id !== id) throw documentUnusable([{ path: 'client_id', message: 'is not the address of the document' }]);
    const client = await clients.readDocument(id, document).catch((error: unknown) => {
      throw error instanceof AppError && error.details ? documentUnusable(error.details, error) : error;
    });
    return { client, freshUntil: now() + freshSecondsOf(response.headers) * 1000 };
  }

  async function requirePoint(): Promise<void> {
    const { allowed, retryAfterSeconds } = await limits.consume(`client_document:${networkOf(currentIp())}`, FETCHES);
    if (!allowed) throw tooManyDocuments(retryAfterSeconds);
  }

  async function look(id: string, before: Known | undefined): Promise<Client> {
    try {
      const fetched = await fetchClient(id);
      known.set(id, fetched);
      return fetched.client;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      failures.set(id, error);
      const isOutage = error.code === 'client_documents.unreachable';
      if (!isOutage) known.delete(id);
      if (!before || !isOutage || before.freshUntil + TOLERANCE_MS <= now()) throw error;
      return before.client;
    }
  }

  async function find(id: string): Promise<Client | null> {
    if (!enabled || !isDocumentAddress(id)) return null;
    const before = known.get(id);
    if (before && before.freshUntil > now()) return before.client;
    const failure = failures.get(id);
    if (failure) {
      if (!before || before.freshUntil + TOLERANCE_MS <= now()) throw failure;
      return before.client;
    }
    return (await waitForOthers(id)) ?? ask(id, before);
  }

  /** However many ask at once, its host is asked once. Whoever is limited keeps nobody else from asking. */
  async function waitForOthers(id: string): Promise<Client | undefined> {
    for (let asked = underWay.get(id); asked; asked = underWay.get(id)) {
      const client = await asked.catch((error: unknown) => {
        if (!isLimited(error)) throw error;
      });
      if (client) return client;
    }
    return undefined;
  }

  function ask(id: string, before: Known | undefined): Promise<Client> {
    const asked = requirePoint()
      .then(() => look(id, before))
      .finally(() => underWay.delete(id));
    underWay.set(id, asked);
    return asked;
  }

  return {
    find,
    async keep(id) {
      const client = await find(id);
      if (client) await clients.keepDocument(client);
    },
  };
}

const isLimited = (error: unknown) => error instanceof AppError && error.code === 'client_documents.limited';

async function readDocument(response: Response): Promise<Record<string, unknown>> {
  try {
    const value = parseUnambiguous(new Uint8Array(await response.arrayBuffer()));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw documentUnusable([{ path: '', message: 'it is not JSON that reads one way only' }], cause);
  }
  throw documentUnusable([{ path: '', message: 'it is not a JSON object' }]);
}
