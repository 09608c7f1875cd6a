import { nowDate } from '../../platform/clock.js';
import { type Database, noSql, sql } from '../../platform/db/index.js';
import { standingGrant } from '../adapter/index.js';

type ConsentKey = { accountId: string; clientId: string; resource: string };

export type ConsentRepository = ReturnType<typeof createConsentRepository>;

export function createConsentRepository({ db }: { db: Database }) {
  const { client } = db;
  return {
    list(accountId: string, clientId: string): Promise<{ resource: string; scope: string }[]> {
      return db.query(sql`SELECT resource, scope FROM consents WHERE account_id = ${accountId} AND client_id = ${clientId}`);
    },
    listByAccount(accountId: string): Promise<{ clientId: string; resource: string; scope: string; grantedAt: Date }[]> {
      return client.consent.findMany({
        where: { accountId },
        select: { clientId: true, resource: true, scope: true, grantedAt: true },
        orderBy: { grantedAt: 'asc' },
      });
    },
    async findScope({ accountId, clientId, resource }: ConsentKey): Promise<string | undefined> {
      const rows = await db.query<{ scope: string }>(sql`SELECT scope FROM consents
        WHERE account_id = ${accountId} AND client_id = ${clientId} AND resource = ${resource}`);
      return rows[0]?.scope;
    },
    /**
     * Replaces the scope only if it is still `before` (undefined: there is no row). Nothing is kept for an account that is gone, nor a first
     * row from a session that has ended; whoever ends it waits until the row is there to be forgotten too.
     */
    async replaceScope(
      key: ConsentKey & { sessionUid?: string | undefined },
      before: string | undefined,
      after: string,
    ): Promise<'saved' | 'changed_meanwhile' | 'nothing_to_rest_on'> {
      const { accountId, clientId, resource } = key;
      const at = nowDate();
      const standing = standingGrant(db, { accountId, clientId: null, sessionUid: key.sessionUid }) ?? noSql;
      const saved =
        before === undefined
          ? await db.execute(sql`INSERT INTO consents (account_id, client_id, resource, scope, granted_at, updated_at)
              SELECT standing.id, ${clientId}, ${resource}, ${after}, ${at}, ${at} FROM (${standing}) AS standing WHERE 1 = 1
              ON CONFLICT (account_id, client_id, resource) DO NOTHING`)
          : await db.execute(sql`UPDATE consents SET scope = ${after}, updated_at = ${at}
              WHERE account_id = ${accountId} AND client_id = ${clientId} AND resource = ${resource} AND scope = ${before}`);
      if (saved > 0) return 'saved';
      if (before !== undefined) return 'changed_meanwhile';
      return (await db.query<unknown>(standing)).length === 0 ? 'nothing_to_rest_on' : 'changed_meanwhile';
    },
    async deleteAll(accountId: string): Promise<void> {
      await client.consent.deleteMany({ where: { accountId } });
    },
    async delete(accountId: string, clientId: string): Promise<void> {
      await client.consent.deleteMany({ where: { accountId, clientId } });
    },
  };
}
