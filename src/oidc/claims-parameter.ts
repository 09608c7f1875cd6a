import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { z } from 'zod';
import { claimsByScope } from './claims.js';

const MAX_CHARS = 8192;
const MAX_CLAIMS = 50;
const MAX_VALUES = 20;

const text = z.string().max(200);
/** A claim that is asked for: null, or how much it is wanted (OpenID Connect Core, 5.5.1). Members that are not known are skipped. */
const request = z.looseObject({
  essential: z.boolean().optional(),
  value: z.unknown().optional(),
  values: z.array(z.unknown()).min(1).max(MAX_VALUES).optional(),
});
const textRequest = request.extend({ value: text.optional(), values: z.array(text).min(1).max(MAX_VALUES).optional() }).nullable();
const target = z
  .record(z.string().regex(/^(?!__proto__$|constructor$|prototype$)[\x21-\x7e]{1,100}$/), request.nullable())
  .refine((claims) => Object.keys(claims).length <= MAX_CLAIMS)
  // What the library compares by itself must be what it takes it for.
  .refine((claims) => ['acr', 'sub'].every((name) => textRequest.optional().safeParse(claims[name]).success));
const parameter = z.looseObject({ userinfo: target.optional(), id_token: target.optional() });

/** Scopes by the claims they open (OpenID Connect Core, 5.4). */
const scopeOfClaim = new Map(Object.entries(claimsByScope).flatMap(([scope, claims]) => claims.map((claim) => [claim, scope] as const)));

/**
 * Reads the `claims` parameter (OpenID Connect Core, 5.5) at the edge. What a client may not have by scope it cannot have by naming the claims: they
 * are left out as if they were not known, which is how Core has it for voluntary and essential ones alike.
 * @throws InvalidRequest
 */
export function checkClaimsParameter(ctx: KoaContextWithOIDC, claims: unknown, client: Client): void {
  const params = ctx.oidc.params as { claims: string };
  const parsed = params.claims.length <= MAX_CHARS ? parameter.safeParse(claims) : undefined;
  if (!parsed?.success) throw new errors.InvalidRequest('the claims parameter is not what OpenID Connect Core, section 5.5, describes');
  const { userinfo, id_token: idToken } = parsed.data;
  const allowed = (asked: Record<string, unknown> | undefined) =>
    asked && Object.fromEntries(Object.entries(asked).filter(([claim]) => mayHave(client, claim)));
  params.claims = JSON.stringify({ userinfo: allowed(userinfo), id_token: allowed(idToken) });
}

/** Claims about the person that a request names, without those that tell of the sign-in: to these nobody consents. */
export const requestedPersonalClaims = (ctx: KoaContextWithOIDC): string[] =>
  [...ctx.oidc.requestParamClaims].filter((claim) => scopeOfClaim.has(claim) && scopeOfClaim.get(claim) !== 'openid');

/** True for a claim that an allowed scope opens anyway. */
export const isOpenedBy = (claim: string, scopes: ReadonlySet<string>): boolean => scopes.has(scopeOfClaim.get(claim) ?? '');

function mayHave({ scope: allowed }: Client, claim: string): boolean {
  const scope = scopeOfClaim.get(claim);
  return scope === undefined || scope === 'openid' || allowed === undefined || allowed.split(' ').includes(scope);
}
