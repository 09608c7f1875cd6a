import type { Database, Transaction } from '../db/index.js';

export type WebhookRow = {
  id: string;
  url: string;
  events: string;
  description: string | null;
  secret: string;
  previousSecret: string | null;
  previousSecretExpiresAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

export type WebhookRepository = ReturnType<typeof createWebhookRepository>;

export function createWebhookRepository({ client }: Pick<Database, 'client'>) {
  const columns = { id: true, url: true, events: true, description: true, secret: true, createdAt: true, updatedAt: true } as const;
  const select = { ...columns, previousSecret: true, previousSecretExpiresAt: true } as const;
  return {
    /** False: there are as many as there may be. */
    async insert(row: Pick<WebhookRow, 'id' | 'url' | 'events' | 'description' | 'secret'> & { at: Date }, most: number): Promise<boolean> {
      const made = await client.$executeRaw`INSERT INTO webhook_endpoints (id, url, events, description, secret, created_at, updated_at)
        SELECT ${row.id}, ${row.url}, ${row.events}, ${row.description}, ${row.secret}, ${row.at}, ${row.at}
        WHERE (SELECT count(*) FROM webhook_endpoints) < ${most}`;
      return made > 0;
    },
    list: (tx: Pick<Transaction, 'webhookEndpoint'> = client): Promise<WebhookRow[]> =>
      tx.webhookEndpoint.findMany({ select, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] }),
    find: (id: string): Promise<WebhookRow | null> => client.webhookEndpoint.findUnique({ where: { id }, select }),
    async delete(id: string): Promise<boolean> {
      return (await client.webhookEndpoint.deleteMany({ where: { id } })).count > 0;
    },
    /** Puts a secret in the place of the one that was read. False: somebody else was first. */
    async replaceSecret(
      id: string,
      { from, to, previousUntil, at }: { from: string; to: string; previousUntil: Date; at: Date },
    ): Promise<boolean> {
      const { count } = await client.webhookEndpoint.updateMany({
        where: { id, secret: from },
        data: { secret: to, previousSecret: from, previousSecretExpiresAt: previousUntil, updatedAt: at },
      });
      return count > 0;
    },
  };
}
