/**
 * Owns: where operators want to hear of events, which, and how they know that it is us (Standard Webhooks: id, timestamp, HMAC-SHA-256).
 * Does not own: events (platform/audit), that a message arrives although somebody is down (platform/outbox), where a request may go (platform/outbound).
 */
import { createWebhookRepository } from './repository.js';
import { createWebhookService, type Webhooks, type WebhooksDeps } from './service.js';

export type { WebhookEndpoint, Webhooks } from './service.js';

export const createWebhooks = ({
  db,
  ...deps
}: Omit<WebhooksDeps, 'repository'> & { db: Parameters<typeof createWebhookRepository>[0] }): Webhooks =>
  createWebhookService({ ...deps, repository: createWebhookRepository(db) });
