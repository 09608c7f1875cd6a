import { type Audit, type ChainedEvent, type OnChained, tellEvent, typesOf } from '../audit/index.js';
import { addSeconds, nowDate } from '../clock.js';
import { randomId, type Sealer } from '../crypto/index.js';
import { AppError } from '../errors.js';
import { type Outbound, OutboundError } from '../outbound/index.js';
import type { Outbox } from '../outbox/index.js';
import type { WebhookRepository, WebhookRow } from './repository.js';
import { createWebhookSecret, signatureHeaders } from './signature.js';

/** An endpoint as it is shown; its secret is not. */
export type WebhookEndpoint = {
  id: string;
  url: string;
  /** `account.locked`, `login.*`, `*` */
  events: string[];
  description: string | null;
  /** until when messages carry a signature with the secret before as well */
  previousSecretUntil: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

export type Webhooks = {
  /**
   * The secret is told here and at a rotation only.
   * @throws AppError `webhooks.invalid_url` 422, `audit.unknown_type` 422, `webhooks.too_many` 409
   */
  create(input: {
    url: string;
    events: readonly string[];
    description?: string | undefined;
  }): Promise<{ endpoint: WebhookEndpoint; secret: string }>;
  list(): Promise<WebhookEndpoint[]>;
  /** @throws AppError `webhooks.not_found` 404; so do the others */
  delete(id: string): Promise<void>;
  rotateSecret(id: string, options?: { graceSeconds?: number | undefined }): Promise<{ endpoint: WebhookEndpoint; secret: string }>;
  /** Sends an event `webhook.test` now. @returns what came of it, in words */
  test(id: string): Promise<{ arrived: boolean; outcome: string }>;
  /** Puts a message for each endpoint that wants to hear of an event into the transaction that chains it. */
  onChained: OnChained;
  /** From now on this process delivers. */
  start(): void;
};

export type WebhooksDeps = {
  repository: WebhookRepository;
  sealer: Sealer;
  outbox: Pick<Outbox, 'insertAll' | 'deliverBy' | 'wake'>;
  outbound: Pick<Outbound, 'fetch'>;
  audit: Pick<Audit, 'record'>;
};

const TOPIC = 'webhook';
const MOST_ENDPOINTS = 50;
const GRACE_SECONDS = 86_400;

const placeOf = (id: string) => `webhook:${id}`;
const patternsOf = ({ events }: Pick<WebhookRow, 'events'>) => events.split(' ');
const toEndpoint = (row: WebhookRow): WebhookEndpoint => ({
  id: row.id,
  url: row.url,
  events: patternsOf(row),
  description: row.description,
  previousSecretUntil: row.previousSecretExpiresAt,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});

type Message = { id: string; body: string };

/** What an event says to others: what `latchkey audit list` shows of it, and nothing else. */
const messageOf = (event: ChainedEvent): Message => ({
  id: event.id,
  body: JSON.stringify({ type: event.type, timestamp: event.occurredAt.toISOString(), data: tellEvent(event) }),
});

export function createWebhookService({ repository, sealer, outbox, outbound, audit }: WebhooksDeps): Webhooks {
  async function get(id: string): Promise<WebhookRow> {
    const row = await repository.find(id);
    if (!row) throw new AppError('webhooks.not_found', 404, 'There is no such webhook.');
    return row;
  }

  async function send(row: WebhookRow, { id, body }: Message): Promise<number> {
    const at = nowDate();
    const previous =
      row.previousSecret !== null && row.previousSecretExpiresAt !== null && row.previousSecretExpiresAt > at ? [row.previousSecret] : [];
    const secrets = [row.secret, ...previous].map((sealed) => sealer.open(sealed, placeOf(row.id)));
    const headers = { 'content-type': 'application/json', ...signatureHeaders({ id, body, secrets, at }) };
    const { status } = await outbound.fetch({ url: row.url, purpose: TOPIC, trusted: true, method: 'POST', headers, body });
    return status;
  }

  return {
    async create({ url, events, description }) {
      requireUsableUrl(url);
      for (const pattern of events) typesOf(pattern);
      const [id, secret, at] = [randomId(12), createWebhookSecret(), nowDate()];
      const row = {
        id,
        url,
        events: [...new Set(events)].join(' '),
        description: description ?? null,
        secret: sealer.seal(secret, placeOf(id)),
        at,
      };
      if (!(await repository.insert(row, MOST_ENDPOINTS)))
        throw new AppError('webhooks.too_many', 409, `There are ${MOST_ENDPOINTS} webhooks, and there may be no more.`);
      await audit.record({
        type: 'webhook.created',
        outcome: 'success',
        detail: { webhook: id, host: new URL(url).host, events: row.events },
      });
      return { endpoint: toEndpoint(await get(id)), secret };
    },
    list: async () => (await repository.list()).map(toEndpoint),
    async delete(id) {
      if (!(await repository.delete(id))) await get(id);
      await audit.record({ type: 'webhook.deleted', outcome: 'success', detail: { webhook: id } });
    },
    async rotateSecret(id, { graceSeconds = GRACE_SECONDS } = {}) {
      const { secret: from } = await get(id);
      const [secret, at] = [createWebhookSecret(), nowDate()];
      const to = sealer.seal(secret, placeOf(id));
      if (!(await repository.replaceSecret(id, { from, to, previousUntil: addSeconds(at, graceSeconds), at })))
        throw new AppError('webhooks.conflict', 409, 'Somebody else gave it a new secret at the same moment.');
      await audit.record({ type: 'webhook.secret_rotated', outcome: 'success', detail: { webhook: id } });
      return { endpoint: toEndpoint(await get(id)), secret };
    },
    async test(id) {
      const row = await get(id);
      const body = JSON.stringify({ type: 'webhook.test', timestamp: nowDate().toISOString(), data: {} });
      try {
        const status = await send(row, { id: `test-${randomId(9)}`, body });
        return { arrived: isArrival(status), outcome: `answered ${status}` };
      } catch (error) {
        if (!(error instanceof OutboundError)) throw error;
        return { arrived: false, outcome: error.explanation };
      }
    },
    async onChained(events, tx) {
      const endpoints = await repository.list(tx);
      const messages = endpoints.flatMap((row) => {
        const wanted = new Set<string>(patternsOf(row).flatMap(knownTypesOf));
        return events
          .filter(({ type }) => wanted.has(type))
          .map((event) => ({ id: `${row.id}.${event.id}`, topic: TOPIC, recipient: row.id, payload: messageOf(event) }));
      });
      if (messages.length === 0) return undefined;
      await outbox.insertAll(messages, tx);
      return outbox.wake;
    },
    start: () =>
      outbox.deliverBy(TOPIC, async ({ payload, recipient }) => {
        const row = await repository.find(recipient);
        // Deleted meanwhile: there is nobody to tell.
        if (!row) return;
        const status = await send(row, payload as Message);
        if (!isArrival(status)) throw new Error(`answered ${status}`);
      }),
  };
}

const isArrival = (status: number) => status >= 200 && status < 300;

/** A pattern may be of a newer version's types; it then stands for none here. */
function knownTypesOf(pattern: string): readonly string[] {
  try {
    return typesOf(pattern);
  } catch {
    return [];
  }
}

/** What could never be delivered to is refused at once; where a name leads is looked at with each message. */
function requireUsableUrl(text: string): void {
  const url = URL.canParse(text) && text.length <= 2048 ? new URL(text) : undefined;
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? '');
  if (url && (url.protocol === 'https:' || (url.protocol === 'http:' && loopback)) && !url.username && !url.password && !url.hash) return;
  throw new AppError(
    'webhooks.invalid_url',
    422,
    'A webhook is an https URL without credentials or fragment (http on this machine, in development).',
  );
}
