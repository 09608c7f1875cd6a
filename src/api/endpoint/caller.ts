import type { Account, Permission } from '../../identity/index.js';
import { AppError } from '../../platform/errors.js';
import type { AuthMode, Caller, TokenCaller } from './definition.js';

export type CallerDeps = {
  /** What an access token of ours is good for right now; null: for nothing. */
  authenticate(accessToken: string): Promise<{ accountId: string; sessionId: string; expiresAt: Date } | null>;
  /** Null for a key that is not good right now. `permissions`: those of the key that its owner still has. */
  authenticateKey(key: string): Promise<{ accountId: string; permissions: ReadonlySet<Permission>; expiresAt: Date | null } | null>;
  findAccount(accountId: string): Promise<Account | null>;
  permissionsOf(accountId: string): Promise<readonly string[]>;
};

export type Credentials = { authorization: string; apiKey: string };

/** Finds out who calls. @throws AppError `auth.*` 400, 401 or 403; never for `none` and, but for two credentials at once, `optional` */
export type FindCaller = (auth: AuthMode, credentials: Credentials) => Promise<Caller | undefined>;

const MAX_TOKEN_CHARS = 8192;
const MAX_KEY_CHARS = 512;
/** RFC 6750, section 2.1 */
const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export const authRequired = () => new AppError('auth.required', 401, 'This call needs an access token.');
export const invalidToken = () => new AppError('auth.invalid_token', 401, 'The access token is not valid, or not any more.');
const invalidKey = () => new AppError('auth.invalid_api_key', 401, 'The API key is not valid, or not any more.');
/** An API key was sent where only a sign-in will do. */
export const keyNotAllowed = () => new AppError('auth.api_key_not_allowed', 403, 'An API key is not accepted here: use an access token.');

/** The caller may not do this. */
export const insufficientPermission = (permission: Permission) =>
  new AppError('auth.insufficient_permission', 403, `This call needs the permission ${permission}.`);

/** @throws AppError `auth.insufficient_permission` 403 */
export function requirePermission(caller: Caller, permission: Permission): void {
  if (!caller.permissions.has(permission)) throw insufficientPermission(permission);
}

export function createFindCaller(deps: CallerDeps): FindCaller {
  const findActive = async (accountId: string) => {
    const account = await deps.findAccount(accountId);
    return account?.status === 'active' ? account : null;
  };

  async function byToken(authorization: string): Promise<TokenCaller | undefined> {
    const token = authorization.length <= MAX_TOKEN_CHARS ? BEARER.exec(authorization)?.[1] : undefined;
    if (token === undefined) return undefined;
    const known = await deps.authenticate(token);
    const account = known && (await findActive(known.accountId));
    if (!account) return undefined;
    const permissions = new Set((await deps.permissionsOf(account.id)) as Permission[]);
    const isStillSignedIn = async () => (await deps.authenticate(token)) !== null;
    return { account, sessionId: known.sessionId, via: 'token', permissions, expiresAt: known.expiresAt, isStillSignedIn };
  }

  async function byKey(key: string): Promise<Caller | undefined> {
    const known = key.length <= MAX_KEY_CHARS ? await deps.authenticateKey(key) : null;
    const account = known && (await findActive(known.accountId));
    return account ? { account, sessionId: null, via: 'api_key', permissions: known.permissions, expiresAt: known.expiresAt } : undefined;
  }

  return async (auth, { authorization, apiKey }) => {
    if (auth === 'none') return undefined;
    if (authorization && apiKey)
      throw new AppError('auth.ambiguous', 400, 'Send an access token or an API key, not both: which of them is meant would be a guess.');
    if (auth === 'optional') return authorization ? byToken(authorization) : apiKey ? byKey(apiKey) : undefined;
    if (apiKey && auth === 'bearer') throw keyNotAllowed();
    if (!authorization && !apiKey) throw authRequired();
    const caller = authorization ? await byToken(authorization) : await byKey(apiKey);
    if (!caller) throw authorization ? invalidToken() : invalidKey();
    return caller;
  };
}

/**
 * The challenge of a refusal (RFC 6750, section 3); undefined where none belongs. Where a token is missing or not good enough it says where to find
 * out how to get one (RFC 9728, section 5.1); a wrong password has another remedy.
 */
export function challengeOf({ status, code }: AppError, resourceMetadataUrl: string): string | undefined {
  const isAboutTheToken = code.startsWith('auth.');
  if (status !== 401 && code !== 'auth.insufficient_permission') return undefined;
  const error = CHALLENGE_ERRORS[code];
  return [
    'Bearer realm="latchkey"',
    ...(error === undefined ? [] : [`error="${error}"`]),
    ...(isAboutTheToken ? [`resource_metadata="${resourceMetadataUrl}"`] : []),
  ].join(', ');
}

const CHALLENGE_ERRORS: Record<string, string> = {
  'auth.insufficient_permission': 'insufficient_scope',
  'auth.invalid_token': 'invalid_token',
};
