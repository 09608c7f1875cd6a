import { nowDate } from '../../platform/clock.js';
import type { Database } from '../../platform/db/index.js';

type ConsentKey = { accountId: string; clientId: string; resource: string };

export type ConsentRepository = ReturnType<typeof createConsentRepository>;

export function createConsentRepository({ db }: { db: Database }) {
  const { client } = db;
  return {
    list(accountId: string, clientId: string): Promise<{ resource: string; scope: string }[]> {
      return client.consent.findMany({ where: { accountId, clientId }, select: { resource: true, scope: true } });
    },
    listByAccount(accountId: string): Promise<{ clientId: string; resource: string; scope: string; grantedAt: Date }[]> {
      return client.consent.findMany({
        where: { accountId },
        select: { clientId: true, resource: true, scope: true, grantedAt: true },
        orderBy: { grantedAt: 'asc' },
      });
    },
    async findScope({ accountId, clientId, resource }: ConsentKey): Promise<string | undefined> {
      const rows = await client.$queryRaw<{ scope: string }[]>`SELECT scope FROM consents
        WHERE account_id = ${accountId} AND client_id = ${clientId} AND resource = ${resource}`;
      return rows[0]?.scope;
    },
    /** Replaces the scope only if it is still `before` (undefined: there is no row). Nothing is kept for an account that is gone. */
    async replaceScope(key: ConsentKey, before: string | undefined, after: string): Promise<'saved' | 'changed_meanwhile' | 'no_account'> {
      const { accountId, clientId, resource } = key;
      const at = nowDate();
      const saved =
        before === undefined
          ? await client.$executeRaw`INSERT INTO consents (account_id, client_id, resource, scope, granted_at, updated_at)
              SELECT id, ${clientId}, ${resource}, ${after}, ${at}, ${at} FROM accounts WHERE id = ${accountId} ${db.lockRows}
              ON CONFLICT (account_id, client_id, resource) DO NOTHING`
          : await client.$executeRaw`UPDATE consents SET scope = ${after}, updated_at = ${at}
              WHERE account_id = ${accountId} AND client_id = ${clientId} AND resource = ${resource} AND scope = ${before}`;
      if (saved > 0) return 'saved';
      return (await client.account.count({ where: { id: accountId } })) === 0 ? 'no_account' : 'changed_meanwhile';
    },
    async delete(accountId: string, clientId: string): Promise<void> {
      await client.consent.deleteMany({ where: { accountId, clientId } });
    },
  };
}
