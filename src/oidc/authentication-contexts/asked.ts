import type { KoaContextWithOIDC } from 'oidc-provider';

/** Classes that a request wants, in its order of preference; one of them is enough. */
export type AskedContexts = { values: readonly string[]; required: boolean };

/**
 * What a request asks of the sign-in. An essential `acr` claim has to be met (OpenID Connect Core, 5.5.1.1). `acr_values` is a wish, except where a
 * resource server is named: there it comes from a challenge, and a token that the resource server would refuse again helps nobody (RFC 9470, section 5).
 */
export function askedContexts(ctx: KoaContextWithOIDC): AskedContexts {
  const claim = acrClaimOf(ctx);
  // Both at once are unspecified (5.5.1.1); what has to be is not undone by a wish.
  if (claim?.essential && claim.values.length > 0) return { values: claim.values, required: true };
  const { acr_values: values } = ctx.oidc.params as { acr_values?: string };
  if (values) return { values: values.split(' ').filter(Boolean), required: Object.keys(ctx.oidc.resourceServers ?? {}).length > 0 };
  return { values: claim?.values ?? [], required: false };
}

/** The `acr` that is asked for as a claim of the ID token. Its shape was checked when the request came (claims-parameter.ts). */
function acrClaimOf(ctx: KoaContextWithOIDC): { essential: boolean; values: string[] } | undefined {
  const { claims } = ctx.oidc.params as { claims?: string };
  if (!claims) return undefined;
  const acr = (JSON.parse(claims) as { id_token?: { acr?: { essential?: boolean; value?: string; values?: string[] } | null } }).id_token
    ?.acr;
  return acr ? { essential: acr.essential === true, values: acr.value === undefined ? (acr.values ?? []) : [acr.value] } : undefined;
}
