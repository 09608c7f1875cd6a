import { nowDate } from '../../platform/clock.js';
import { type Database, sql } from '../../platform/db/index.js';
import type { Revocation } from '../adapter/index.js';

export type StoredGrant = { id: string; clientId: string | null; payload: string; createdAt: Date; expiresAt: Date };

export type GrantRepository = ReturnType<typeof createGrantRepository>;

export function createGrantRepository({ db, revocation }: { db: Database; revocation: Revocation }) {
  const { client } = db;
  return {
    listLiving(accountId: string): Promise<StoredGrant[]> {
      return client.grant.findMany({
        where: { accountId, revokedAt: null, expiresAt: { gt: nowDate() } },
        select: { id: true, clientId: true, payload: true, createdAt: true, expiresAt: true },
        orderBy: { createdAt: 'desc' },
      });
    },
    /** Living grants of people, in the order of their ids, from after `afterId` on. */
    listSignIns(afterId: string, limit: number): Promise<Pick<StoredGrant, 'id' | 'createdAt' | 'expiresAt'>[]> {
      return client.grant.findMany({
        where: { id: { gt: afterId }, accountId: { not: null }, revokedAt: null, expiresAt: { gt: nowDate() } },
        select: { id: true, createdAt: true, expiresAt: true },
        orderBy: { id: 'asc' },
        take: limit,
      });
    },
    async isOwnedBy(grantId: string, accountId: string): Promise<boolean> {
      return (await client.grant.count({ where: { id: grantId, accountId } })) > 0;
    },
    revoke: revocation.revokeGrant,
    async revokeByAccountAndClient(accountId: string, clientId: string): Promise<void> {
      const condition = sql`account_id = ${accountId} AND client_id = ${clientId}`;
      await client.$transaction([
        // The consent goes first: a grant that rests on it holds it while it is saved, and is then there to be ended.
        client.$executeRaw`DELETE FROM consents WHERE account_id = ${accountId} AND client_id = ${clientId}`,
        ...revocation.statements({ grants: condition, grantless: condition }),
      ]);
    },
    revokeByClient: revocation.revokeByClient,
  };
}
