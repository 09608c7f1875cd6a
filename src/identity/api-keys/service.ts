import { randomUUID } from 'node:crypto';
import type { Audit } from '../../platform/audit/index.js';
import { addSeconds, now, nowDate } from '../../platform/clock.js';
import { sha256 } from '../../platform/crypto/index.js';
import type { Database } from '../../platform/db/index.js';
import { AppError } from '../../platform/errors.js';
import { permissions as knownPermissions, type Permission, type Roles } from '../roles/index.js';
import { apiKeyNotFound, permissionNotHeld, tooManyApiKeys } from './errors.js';
import { isKeyValue, makeKeyValue } from './key-value.js';
import { type ApiKeyRow, createApiKeyRepository } from './repository.js';
import { readNewApiKey } from './schemas.js';

/** A key as its owner sees it. `prefix` is how the key begins: enough to tell keys apart, and no secret. */
export type ApiKey = {
  id: string;
  prefix: string;
  name: string;
  /** in alphabetical order; what it may do is these and what its owner may at that moment */
  permissions: Permission[];
  createdAt: Date;
  /** null: never */
  expiresAt: Date | null;
  /** to the minute; null: not used yet */
  lastUsedAt: Date | null;
};

/** Why a key was not taken, for counting; the caller is told nothing of it. */
export type ApiKeyRefusal = 'malformed' | 'unknown' | 'revoked' | 'expired' | 'owner_disabled';

export type ApiKeyHolder = { accountId: string; keyId: string; permissions: ReadonlySet<Permission>; expiresAt: Date | null };

export type ApiKeys = {
  /**
   * Makes a key and tells it, this once. `generation` is the owner's `signInGeneration` as it was read before their sign-in was seen to be
   * alive: if everything of the account has been ended since, there is no key.
   * @param request.name 1 to 100 characters
   * @param request.permissions one or more, each of which the owner has now
   * @throws AppError `api_keys.invalid_input` 422, `api_keys.permission_not_held` 422, `api_keys.too_many` 409 (50 living ones),
   *   `login.superseded` 401 for an owner who may not act any more
   */
  create(request: {
    accountId: string;
    name: string;
    permissions: readonly string[];
    expiresAt?: Date | undefined;
    generation?: number | undefined;
    ip?: string | undefined;
  }): Promise<{ key: string; apiKey: ApiKey }>;
  /** Keys that were not revoked, newest first; one that has expired is listed until a new one is made a week later. */
  list(accountId: string): Promise<ApiKey[]>;
  /** How many work. */
  countLiving(accountId: string): Promise<number>;
  /** @throws AppError `api_keys.not_found` 404, alike for somebody else's, a revoked and an unknown one */
  revoke(id: string, by: { accountId: string; ip?: string | undefined }): Promise<void>;
  /** Ends every key of an account. @returns how many there were */
  revokeAll(accountId: string): Promise<number>;
  /** Whom a key stands for just now; null for one that is revoked, expired, unknown, or whose owner is disabled. */
  authenticate(key: string): Promise<ApiKeyHolder | null>;
  /** Resolves when every use so far is noted: before the database is closed. */
  flush(): Promise<void>;
};

export type ApiKeysDeps = {
  db: Database;
  roles: Pick<Roles, 'permissionsOf'>;
  audit: Audit;
  /** counts a key that was not taken */
  refused?: ((reason: ApiKeyRefusal) => void) | undefined;
  log: { warn(fields: object, message: string): void };
};

export const MAX_LIVING_KEYS = 50;
const MAX_LISTED = 200;
const TOUCH_SECONDS = 60;
const EXPIRED_KEPT_SECONDS = 7 * 24 * 3600;

const known = new Set<string>(knownPermissions);
const isPermission = (text: string): text is Permission => known.has(text);

export function createApiKeys({ db, roles, audit, refused = () => undefined, log }: ApiKeysDeps): ApiKeys {
  const rows = createApiKeyRepository(db);
  const underWay = new Map<string, Promise<void>>();

  /** Beside the call, which it neither delays nor fails. */
  function noteUse({ id, lastUsedAt }: ApiKeyRow): void {
    const at = nowDate();
    const unlessSince = addSeconds(at, -TOUCH_SECONDS);
    if (underWay.has(id) || (lastUsedAt !== null && lastUsedAt > unlessSince)) return;
    const noted = rows
      .touch(id, at, unlessSince)
      .catch((error: unknown) => log.warn({ err: error, apiKeyId: id }, 'the use of an API key could not be noted'))
      .finally(() => underWay.delete(id));
    underWay.set(id, noted);
  }

  async function requireHeld(accountId: string, wanted: readonly string[]): Promise<Permission[]> {
    const held = new Set(await roles.permissionsOf(accountId));
    const list = wanted.filter(isPermission);
    if (list.length !== wanted.length || !list.every((permission) => held.has(permission))) throw permissionNotHeld();
    return list;
  }

  return {
    async create({ accountId, generation, ip, ...input }) {
      const { name, permissions: wanted, expiresAt = null } = readNewApiKey(input);
      const permissions = await requireHeld(accountId, wanted);
      const { key, prefix } = makeKeyValue();
      const createdAt = nowDate();
      const apiKey: ApiKey = { id: randomUUID(), prefix, name, permissions, createdAt, expiresAt, lastUsedAt: null };
      await rows.transaction(async (tx) => {
        if (!(await rows.lockOwner(accountId, generation, tx)))
          throw new AppError('login.superseded', 401, 'You have been signed out meanwhile. Please sign in again.');
        await rows.deleteDead(accountId, addSeconds(createdAt, -EXPIRED_KEPT_SECONDS), tx);
        if ((await rows.countLiving(accountId, createdAt, tx)) >= MAX_LIVING_KEYS) throw tooManyApiKeys(MAX_LIVING_KEYS);
        const { id } = apiKey;
        await rows.insert(
          { id, accountId, keyHash: sha256(key), prefix, name, permissions: permissions.join(' '), createdAt, expiresAt },
          tx,
        );
      });
      const detail = { api_key: apiKey.id, permissions: permissions.join(' '), expires: expiresAt !== null };
      await audit.record({ type: 'api_key.created', outcome: 'success', actorId: accountId, subjectId: accountId, ip, detail });
      return { key, apiKey };
    },

    list: async (accountId) => (await rows.list(accountId, MAX_LISTED)).map(toApiKey),
    countLiving: (accountId) => rows.countLiving(accountId, nowDate()),

    async revoke(id, { accountId, ip }) {
      // NUL is in no id, and PostgreSQL takes none.
      if (id.includes('\0') || !(await rows.revoke(id, accountId, nowDate()))) throw apiKeyNotFound();
      const detail = { api_key: id };
      await audit.record({ type: 'api_key.revoked', outcome: 'success', actorId: accountId, subjectId: accountId, ip, detail });
    },

    revokeAll: (accountId) => rows.revokeAll(accountId, nowDate()),

    async authenticate(key) {
      const row = isKeyValue(key) ? await rows.findByHash(sha256(key)) : undefined;
      const refusal = refusalOf(row);
      if (!row || refusal) {
        refused(refusal ?? 'unknown');
        return null;
      }
      const held = new Set(await roles.permissionsOf(row.accountId));
      noteUse(row);
      const permissions = new Set(toApiKey(row).permissions.filter((permission) => held.has(permission)));
      return { accountId: row.accountId, keyId: row.id, permissions, expiresAt: row.expiresAt };
    },

    async flush() {
      await Promise.all(underWay.values());
    },
  };
}

type FoundKey = Awaited<ReturnType<ReturnType<typeof createApiKeyRepository>['findByHash']>>;

function refusalOf(row: FoundKey | undefined): ApiKeyRefusal | undefined {
  if (row === undefined) return 'malformed';
  if (row === null) return 'unknown';
  if (row.revokedAt !== null) return 'revoked';
  if (row.expiresAt !== null && row.expiresAt.getTime() <= now()) return 'expired';
  return row.account.status === 'active' ? undefined : 'owner_disabled';
}

/** A permission that this version does not know any more is no permission. */
function toApiKey({ id, prefix, name, permissions, createdAt, expiresAt, lastUsedAt }: ApiKeyRow): ApiKey {
  return { id, prefix, name, permissions: permissions.split(' ').filter(isPermission), createdAt, expiresAt, lastUsedAt };
}
