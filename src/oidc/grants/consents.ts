import { AppError } from '../../platform/errors.js';
import { isKey } from '../adapter/index.js';
import type { ConsentRepository } from './consent-repository.js';

/** Scopes by resource server; the OpenID scopes stand under ''. */
export type ScopesByResource = ReadonlyMap<string, ReadonlySet<string>>;

export type ConsentRequest = { accountId: string; clientId: string; scopesByResource: ReadonlyMap<string, Iterable<string>> };
/** `sessionUid`: the browser session in which it was given; nothing is kept once that has ended. */
export type GivenConsent = ConsentRequest & { sessionUid?: string | undefined };

export type Consents = {
  /** What a person allowed a client so far; empty when nothing. */
  find(accountId: string, clientId: string): Promise<ScopesByResource>;
  /**
   * Adds to what is remembered; two consents given at the same moment are both kept.
   * @throws AppError `consents.busy` (503) when too many are given at once
   */
  remember(consent: GivenConsent): Promise<void>;
  /** True when everything asked for was allowed before. */
  covers(consent: ConsentRequest): Promise<boolean>;
  forget(accountId: string, clientId: string): Promise<void>;
  /** Forgets all that an account allowed; what is being remembered for a session that has ended comes to nothing. */
  forgetAll(accountId: string): Promise<void>;
  /** All that an account allowed so far, one entry for each client; `since` is the oldest. */
  list(accountId: string): Promise<{ clientId: string; scopesByResource: ScopesByResource; since: Date }[]>;
};

const MAX_ROUNDS = 30;

/** True when every asked-for scope of every resource is among the remembered. */
export function isCovered(remembered: ScopesByResource, asked: ReadonlyMap<string, Iterable<string>>): boolean {
  return [...asked].every(([resource, scopes]) => [...scopes].every((scope) => remembered.get(resource)?.has(scope)));
}

/** Remembered consent: a row for each account, client and resource, apart from grants, which end with their sign-in. */
export function createConsents({ repository }: { repository: ConsentRepository }): Consents {
  async function find(accountId: string, clientId: string): Promise<ScopesByResource> {
    if (!isKey(accountId) || !isKey(clientId)) return new Map();
    const rows = await repository.list(accountId, clientId);
    return new Map(rows.map(({ resource, scope }) => [resource, new Set(scope.split(' '))]));
  }

  type Key = { accountId: string; clientId: string; resource: string; sessionUid: string | undefined };
  async function add(key: Key, scopes: readonly string[]): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const before = await repository.findScope(key);
      const after = [...new Set([...(before?.split(' ') ?? []), ...scopes])].join(' ');
      if (after === before || (await repository.replaceScope(key, before, after)) !== 'changed_meanwhile') return;
    }
    throw new AppError('consents.busy', 503, 'Too many consents at once. Please try again.', { retryAfterSeconds: 1 });
  }

  return {
    find,
    async remember({ accountId, clientId, scopesByResource, sessionUid }) {
      for (const [resource, scopes] of scopesByResource) {
        const list = [...scopes].filter((scope) => isKey(scope) && !scope.includes(' '));
        const storable = isKey(accountId) && isKey(clientId) && (resource === '' || isKey(resource));
        if (storable && list.length > 0) await add({ accountId, clientId, resource, sessionUid }, list);
      }
    },
    async covers({ accountId, clientId, scopesByResource }) {
      return isCovered(await find(accountId, clientId), scopesByResource);
    },
    async forget(accountId, clientId) {
      if (isKey(accountId) && isKey(clientId)) await repository.delete(accountId, clientId);
    },
    async forgetAll(accountId) {
      if (isKey(accountId)) await repository.deleteAll(accountId);
    },
    async list(accountId) {
      if (!isKey(accountId)) return [];
      const clients = new Map<string, { clientId: string; scopesByResource: Map<string, ReadonlySet<string>>; since: Date }>();
      for (const { clientId, resource, scope, grantedAt } of await repository.listByAccount(accountId)) {
        const entry = clients.get(clientId) ?? { clientId, scopesByResource: new Map(), since: grantedAt };
        entry.scopesByResource.set(resource, new Set(scope.split(' ')));
        clients.set(clientId, entry);
      }
      return [...clients.values()];
    },
  };
}
