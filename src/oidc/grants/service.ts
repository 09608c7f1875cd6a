import type { AdapterPayload } from 'oidc-provider';
import { isKey, type PayloadCodec, places } from '../adapter/index.js';
import type { GrantRepository, StoredGrant } from './repository.js';

/** One grant: what one sign-in of one application was given. */
export type GrantSummary = {
  id: string;
  clientId: string;
  /** OpenID scopes */
  scopes: string[];
  /** scopes by resource server */
  resources: Record<string, string[]>;
  since: Date;
  expiresAt: Date;
};

/** All that one application may do for one person, whichever sign-in it came from. */
export type ConnectedApplication = Pick<GrantSummary, 'clientId' | 'scopes' | 'resources' | 'since'> & { grantIds: string[] };

export type Grants = {
  /** Living grants of an account, newest first. */
  listByAccount(accountId: string): Promise<GrantSummary[]>;
  /** The same, one entry for each application; `since` is the oldest. */
  listApplications(accountId: string): Promise<ConnectedApplication[]>;
  /** Every living sign-in of everybody, read in pages: since when, and until when what it gave may be looked at. */
  eachSignIn(): AsyncIterable<{ grantId: string; since: Date; expiresAt: Date }>;
  /** Ends a grant and every token of it. With `accountId` only if it is that person's; false when there is none. */
  revoke(grantId: string, options?: { accountId?: string }): Promise<boolean>;
  /** Disconnects an application from a person: grants, tokens and the remembered consent. */
  revokeByAccountAndClient(accountId: string, clientId: string): Promise<void>;
  /** Ends everything a client holds, and every consent given to it. */
  revokeByClient(clientId: string): Promise<void>;
};

const SIGN_IN_PAGE = 500;
const words = (scope: string | undefined) => (scope ? scope.split(' ').filter(Boolean) : []);
const union = (a: string[], b: string[]) => [...new Set([...a, ...b])];

/** The parts of a stored grant that its type in the library's declarations leaves out. */
type GrantPayload = AdapterPayload & { openid?: { scope?: string }; resources?: Record<string, string> };

export function createGrantService({ repository, codec }: { repository: GrantRepository; codec: PayloadCodec }): Grants {
  function toSummary({ id, clientId, payload, createdAt, expiresAt }: StoredGrant): GrantSummary[] {
    const grant = codec.open(places.grant(id), payload) as GrantPayload | undefined;
    if (!grant || clientId === null) return [];
    const resources = Object.fromEntries(Object.entries(grant.resources ?? {}).map(([resource, scope]) => [resource, words(scope)]));
    return [{ id, clientId, scopes: words(grant.openid?.scope), resources, since: createdAt, expiresAt }];
  }
  const listByAccount = async (accountId: string) =>
    isKey(accountId) ? (await repository.listLiving(accountId)).flatMap((grant) => toSummary(grant)) : [];
  return {
    listByAccount,
    async listApplications(accountId) {
      const applications = new Map<string, ConnectedApplication>();
      for (const { id, clientId, scopes, resources, since } of await listByAccount(accountId)) {
        const known = applications.get(clientId);
        const merged = Object.entries(resources).map(([name, list]) => [name, union(known?.resources[name] ?? [], list)] as const);
        applications.set(clientId, {
          clientId,
          scopes: union(known?.scopes ?? [], scopes),
          resources: { ...known?.resources, ...Object.fromEntries(merged) },
          since: known && known.since < since ? known.since : since,
          grantIds: [...(known?.grantIds ?? []), id],
        });
      }
      return [...applications.values()];
    },
    async *eachSignIn() {
      for (let afterId = ''; ; ) {
        const page = await repository.listSignIns(afterId, SIGN_IN_PAGE);
        for (const { id, createdAt, expiresAt } of page) yield { grantId: id, since: createdAt, expiresAt };
        const last = page.at(-1);
        if (!last || page.length < SIGN_IN_PAGE) return;
        afterId = last.id;
      }
    },
    async revoke(grantId, { accountId } = {}) {
      if (!isKey(grantId)) return false;
      if (accountId !== undefined && !(await repository.isOwnedBy(grantId, accountId))) return false;
      await repository.revoke(grantId);
      return true;
    },
    async revokeByAccountAndClient(accountId, clientId) {
      if (isKey(accountId) && isKey(clientId)) await repository.revokeByAccountAndClient(accountId, clientId);
    },
    async revokeByClient(clientId) {
      if (isKey(clientId)) await repository.revokeByClient(clientId);
    },
  };
}
