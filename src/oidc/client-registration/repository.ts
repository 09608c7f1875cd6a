import type { Database, Transaction } from '../../platform/db/index.js';

export type InitialAccessTokenRow = {
  id: string;
  tokenHash: string;
  note: string | null;
  usesLeft: number | null;
  used: number;
  createdAt: Date;
  expiresAt: Date;
};

export type InitialAccessTokenRepository = ReturnType<typeof createInitialAccessTokenRepository>;

export function createInitialAccessTokenRepository({ db }: { db: Database }) {
  const { client } = db;
  return {
    async insert(row: InitialAccessTokenRow): Promise<void> {
      await client.initialAccessToken.create({ data: row });
    },
    find: (tokenHash: string): Promise<InitialAccessTokenRow | null> => client.initialAccessToken.findUnique({ where: { tokenHash } }),
    /** The newest first. */
    list: (limit: number): Promise<InitialAccessTokenRow[]> =>
      client.initialAccessToken.findMany({ orderBy: [{ createdAt: 'desc' }, { id: 'asc' }], take: limit }),
    async delete(id: string): Promise<boolean> {
      return (await client.initialAccessToken.deleteMany({ where: { id } })).count > 0;
    },
    /** Takes one use, if there is one. False: somebody took the last one, or it has run out or was revoked. */
    async use(tokenHash: string, at: Date, tx: Transaction): Promise<boolean> {
      const used = await tx.$executeRaw`UPDATE initial_access_tokens SET used = used + 1, uses_left = uses_left - 1
        WHERE token_hash = ${tokenHash} AND expires_at > ${at} AND (uses_left IS NULL OR uses_left > 0)`;
      return used > 0;
    },
  };
}
