import type { Audit } from '../../platform/audit/index.js';
import { addSeconds, now, nowDate } from '../../platform/clock.js';
import { randomId, sha256 } from '../../platform/crypto/index.js';
import type { Transaction } from '../../platform/db/index.js';
import { AppError } from '../../platform/errors.js';
import { notAllowed } from './errors.js';
import type { InitialAccessTokenRepository, InitialAccessTokenRow } from './repository.js';

export type InitialAccessToken = Omit<InitialAccessTokenRow, 'tokenHash'>;

export type InitialAccessTokens = {
  /** `token` is the only time the value is told. @param options.uses null: as many as come until it runs out */
  create(options: {
    note?: string | undefined;
    uses: number | null;
    ttlSeconds: number;
  }): Promise<{ token: string; initialAccessToken: InitialAccessToken }>;
  /** The newest first, 200 at most; those that have run out go with the next purge. */
  list(): Promise<InitialAccessToken[]>;
  /** @throws AppError `initial_access_tokens.not_found` */
  revoke(id: string): Promise<void>;
};

/** The same, for whoever lets clients in by them. */
export type InitialAccess = InitialAccessTokens & {
  /** @throws AppError `client_registration.not_allowed` unless it could be used now */
  require(token: string): Promise<void>;
  /** Takes one of its uses. @throws as `require` */
  use(token: string, tx: Transaction): Promise<void>;
};

/** `initial`: whoever finds one in a log knows what it is. */
const PREFIX = 'initial_';
const MAX_LISTED = 200;

const tell = ({ tokenHash: _hash, ...token }: InitialAccessTokenRow): InitialAccessToken => token;

export function createInitialAccessTokens({
  repository,
  audit,
}: {
  repository: InitialAccessTokenRepository;
  audit: Audit;
}): InitialAccess {
  return {
    async create({ note, uses, ttlSeconds }) {
      const [token, at] = [`${PREFIX}${randomId()}`, nowDate()];
      const row = {
        ...{ id: randomId(9).replace(/^-/, '_'), tokenHash: sha256(token), note: note ?? null, usesLeft: uses, used: 0 },
        ...{ createdAt: at, expiresAt: addSeconds(at, ttlSeconds) },
      };
      await repository.insert(row);
      await audit.record({ type: 'initial_access_token.created', outcome: 'success', detail: { id: row.id } });
      return { token, initialAccessToken: tell(row) };
    },
    list: async () => (await repository.list(MAX_LISTED)).map(tell),
    async revoke(id) {
      if (!(await repository.delete(id)))
        throw new AppError('initial_access_tokens.not_found', 404, 'There is no initial access token with this id.');
      await audit.record({ type: 'initial_access_token.revoked', outcome: 'success', detail: { id } });
    },
    async require(token) {
      const row = await repository.find(sha256(token));
      if (!row || row.expiresAt.getTime() <= now() || row.usesLeft === 0) throw notAllowed();
    },
    async use(token, tx) {
      if (!(await repository.use(sha256(token), nowDate(), tx))) throw notAllowed();
    },
  };
}
