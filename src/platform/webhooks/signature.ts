import { createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';

/** A new secret as receivers' libraries take it: `whsec_` and 32 bytes in base64. */
export const createWebhookSecret = (): string => PREFIX + randomBytes(32).toString('base64');

/**
 * The headers of a message (Standard Webhooks 1.0): the id stays the same over repetitions, the time is that of the attempt, and there is a signature for each
 * secret that is good now.
 */
export function signatureHeaders({ id, body, secrets, at }: { id: string; body: string; secrets: readonly string[]; at: Date }) {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const sign = (secret: string) =>
    `v1,${createHmac('sha256', Buffer.from(secret.slice(PREFIX.length), 'base64'))
      .update(`${id}.${timestamp}.${body}`)
      .digest('base64')}`;
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': secrets.map(sign).join(' ') };
}
