import { errors, type Grant, type KoaContextWithOIDC } from 'oidc-provider';
import { isOpenedBy, requestedPersonalClaims } from './claims-parameter.js';
import { isUnverified } from './clients/index.js';
import type { RequestContexts } from './request-context.js';

/** What a person allowed a client before: scopes by resource, '' for the OpenID scopes. */
export type RememberedConsents = { find(accountId: string, clientId: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> };

/**
 * The grant an authorization request continues with. The session's own grant of this client comes first; without one, a first-party client
 * gets a grant of what it asks for, and any other a grant of what the person allowed before, so that the consent page asks for the rest.
 * Each sign-in has a grant of its own: a stolen refresh token on one device must not end the others.
 */
export function createLoadExistingGrant({
  consents,
  requests,
}: {
  consents: RememberedConsents;
  requests: Pick<RequestContexts, 'restingOn'>;
}) {
  return async (ctx: KoaContextWithOIDC): Promise<Grant | undefined> => {
    const { client, session, account, provider } = ctx.oidc;
    if (!client || !session || !account) return undefined;
    const grantId = ctx.oidc.result?.consent?.grantId ?? session.grantIdFor(client.clientId);
    const existing = grantId ? await provider.Grant.find(grantId) : undefined;
    // A grant of somebody who was signed in before stays theirs.
    const own = existing?.accountId === account.accountId && existing.clientId === client.clientId ? existing : undefined;
    if (own && ctx.oidc.result?.consent) return own;
    if (client.first_party) return extend(ctx, own ?? newGrant(ctx), requestedScopes(ctx));
    if (own) return extend(ctx, own, new Map());
    // Nothing is remembered for a client that nobody here made.
    if (isUnverified(client)) return undefined;
    // prompt=consent asks anew whatever was allowed before.
    if (ctx.oidc.prompts.has('consent')) return undefined;
    const remembered = await consents.find(account.accountId, client.clientId);
    const [consentTo] = remembered.keys();
    if (consentTo === undefined) return undefined;
    const scopes = rememberedPart(requestedScopes(ctx), remembered);
    return requests
      .restingOn({ consentTo }, () => extend(ctx, newGrant(ctx), scopes))
      .catch((error: unknown) => {
        // Withdrawn at this moment, or the sign-in has ended: nobody is asked any less than without it.
        if (error instanceof errors.InvalidGrant || error instanceof errors.SessionNotFound) return undefined;
        throw error;
      });
  };
}

type ScopesByResource = Map<string, string[]>;

const newGrant = (ctx: KoaContextWithOIDC): Grant =>
  new ctx.oidc.provider.Grant({ accountId: ctx.oidc.account?.accountId, clientId: ctx.oidc.client?.clientId });

/** What a request asks for: OpenID scopes under the empty string, and scopes by resource. */
export function requestedScopes(ctx: KoaContextWithOIDC): ScopesByResource {
  const requested: ScopesByResource = new Map([['', [...ctx.oidc.requestParamOIDCScopes]]]);
  for (const [identifier, server] of Object.entries(ctx.oidc.resourceServers ?? {})) {
    requested.set(
      identifier,
      [...ctx.oidc.requestParamScopes].filter((scope) => server.scopes.has(scope)),
    );
  }
  return requested;
}

function rememberedPart(requested: ScopesByResource, remembered: ReadonlyMap<string, ReadonlySet<string>>): ScopesByResource {
  return new Map([...requested].map(([resource, scopes]) => [resource, scopes.filter((scope) => remembered.get(resource)?.has(scope))]));
}

async function extend(ctx: KoaContextWithOIDC, grant: Grant, scopes: ScopesByResource): Promise<Grant> {
  let added = !grant.jti;
  for (const [resource, names] of scopes) {
    const missing = names.filter((name) => !(resource ? grant.getResourceScope(resource) : grant.getOIDCScope()).split(' ').includes(name));
    if (missing.length === 0) continue;
    added = true;
    if (resource) grant.addResourceScope(resource, missing.join(' '));
    else grant.addOIDCScope(missing.join(' '));
  }
  // A claim by itself is no more than the scope that opens it.
  const scope = new Set(grant.getOIDCScope().split(' '));
  const known = new Set(grant.getOIDCClaims());
  const claims = requestedPersonalClaims(ctx).filter(
    (claim) => !known.has(claim) && (ctx.oidc.client?.first_party || isOpenedBy(claim, scope)),
  );
  if (claims.length > 0) {
    grant.addOIDCClaims(claims);
    added = true;
  }
  if (added) await grant.save();
  return grant;
}
