import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import { nowSeconds } from '../../platform/clock.js';
import { createWorkSlot } from '../../platform/trace/index.js';
import { afterwards } from '../afterwards.js';
import { isMetadata } from '../discovery-document.js';
import type { ProviderExtension } from '../provider.js';
import type { RequestContexts } from '../request-context.js';
import { type ResourceServerInfo, resourceServerFor } from '../resource-access.js';
import { FIRST_PARTY_CLIENT_ID, FIRST_PARTY_SCOPE, firstPartyAudience } from './client.js';

/** A sign-in that was checked by our own services. `generation` is the account's `sign_in_generation` as it was then. */
export type CheckedSignIn = { accountId: string; generation: number; amr: readonly string[] };

export type FirstPartyGrant = {
  extension: ProviderExtension;
  /** Runs a token request, in process, that is to be given tokens for this sign-in. */
  grantingFor<Result>(signIn: CheckedSignIn, request: () => Promise<Result>): Promise<Result>;
};

export const FIRST_PARTY_GRANT_TYPE = 'urn:latchkey:grant-type:first-party';

/**
 * The grant type by which our own API gets tokens for a sign-in. What is granted travels beside the request, not in it: whoever sends the same
 * parameters from outside is told that there is no such grant, and the metadata does not name it.
 */
export function createFirstPartyGrant({
  issuerUrl,
  findResource,
  requests,
}: {
  issuerUrl: string;
  findResource(identifier: string): ResourceServerInfo | undefined;
  requests: Pick<RequestContexts, 'restingOn'>;
}): FirstPartyGrant {
  const signIns = createWorkSlot<CheckedSignIn>();
  const audience = firstPartyAudience(issuerUrl);

  async function issue(provider: Provider, ctx: KoaContextWithOIDC): Promise<void> {
    const { client } = ctx.oidc;
    const signIn = signIns.get();
    if (!signIn || client?.clientId !== FIRST_PARTY_CLIENT_ID) throw new errors.UnsupportedGrantType();
    const { accountId, generation, amr } = signIn;
    const grant = new provider.Grant({ accountId, clientId: client.clientId });
    grant.addResourceScope(audience, FIRST_PARTY_SCOPE);
    const grantId = await requests.restingOn({ generation }, () => grant.save());
    ctx.oidc.entity('Grant', grant);

    const source = { accountId, client, grantId, gty: FIRST_PARTY_GRANT_TYPE, expiresWithSession: false };
    const accessToken = new provider.AccessToken(source);
    accessToken.resourceServer = new provider.ResourceServer(audience, resourceServerFor(findResource(audience), client, undefined));
    accessToken.scope = FIRST_PARTY_SCOPE;
    const refreshToken = new provider.RefreshToken({
      ...source,
      scope: FIRST_PARTY_SCOPE,
      resource: audience,
      rotations: 0,
      authTime: nowSeconds(),
      amr: [...amr],
    });
    ctx.oidc.entity('AccessToken', accessToken);
    ctx.oidc.entity('RefreshToken', refreshToken);
    ctx.body = {
      access_token: await accessToken.save(),
      refresh_token: await refreshToken.save(),
      expires_in: accessToken.expiration,
      token_type: accessToken.tokenType,
      scope: accessToken.scope,
    };
  }

  return {
    grantingFor: signIns.run,
    extension(provider) {
      provider.registerGrantType(FIRST_PARTY_GRANT_TYPE, (ctx) => issue(provider, ctx));
      allowFromInsideOnly(provider, () => signIns.get() !== undefined);
      leaveOutOfMetadata(provider);
    },
  };
}

/** The library asks each client whether it has a grant, and answers other than for a grant that there is not; here both are the same. */
function allowFromInsideOnly(provider: Provider, isInside: () => boolean): void {
  const prototype = provider.Client.prototype as { grantTypeAllowed(this: { clientId: string }, type: string): boolean };
  const isAllowed = prototype.grantTypeAllowed;
  prototype.grantTypeAllowed = function grantTypeAllowed(type) {
    if (type !== FIRST_PARTY_GRANT_TYPE) return isAllowed.call(this, type);
    if (!isInside() || this.clientId !== FIRST_PARTY_CLIENT_ID) throw new errors.UnsupportedGrantType();
    return true;
  };
}

function leaveOutOfMetadata(provider: Provider): void {
  afterwards(provider, isMetadata, (ctx) => {
    const body = ctx.body as { grant_types_supported?: string[] } | null | undefined;
    if (!Array.isArray(body?.grant_types_supported)) return;
    body.grant_types_supported = body.grant_types_supported.filter((type) => type !== FIRST_PARTY_GRANT_TYPE);
  });
}
