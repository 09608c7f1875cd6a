import { errors, type Grant, type Provider } from 'oidc-provider';
import { type SignInClaims, signInClaimsIn } from '../authentication-contexts/index.js';
import type { TokenExchangePolicy } from '../clients/index.js';
import type { JwtAccessTokens } from '../jwt-access-tokens/index.js';

/** Who acts for the subject of a token, and whoever acted before (RFC 8693, section 4.1). */
export type Actor = { sub: string; client_id?: string; act?: Actor };

/** An access token of ours that is good at this moment, whichever format it has. */
export type PresentedToken = {
  clientId: string;
  /** null for a client's own */
  grantId: string | null;
  subject: string;
  audience: string | undefined;
  scopes: ReadonlySet<string>;
  expiresAtSeconds: number;
  actor: Actor | undefined;
  /** when and how its person signed in */
  signIn: SignInClaims;
  /** thumbprint of the key it is bound to */
  jkt: string | undefined;
  /** bound to a client certificate */
  certificateBound: boolean;
};

type Finder = (provider: Provider, value: string) => Promise<PresentedToken | undefined>;

const wordsOf = (scope: unknown): ReadonlySet<string> => new Set(typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []);
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Looks access tokens up, by the rules of introspection: alive, not expired, and the grant behind them too. ID tokens and refresh tokens are none. */
export function createTokenFinder({ jwtAccessTokens }: { jwtAccessTokens: Pick<JwtAccessTokens, 'find'> }): Finder {
  async function findJwt(value: string): Promise<PresentedToken | undefined> {
    const token = await jwtAccessTokens.find(value);
    if (!token) return undefined;
    const { sub, aud, scope, act, cnf } = token.claims;
    const { jkt, 'x5t#S256': x5t } = (cnf ?? {}) as { jkt?: unknown; 'x5t#S256'?: unknown };
    return {
      clientId: token.clientId,
      grantId: token.grantId,
      subject: String(sub),
      audience: textOf(aud),
      scopes: wordsOf(scope),
      expiresAtSeconds: token.expiresAtSeconds,
      actor: act as Actor | undefined,
      signIn: signInClaimsIn(token.claims),
      jkt: textOf(jkt),
      certificateBound: x5t !== undefined,
    };
  }

  async function findOpaque(provider: Provider, value: string): Promise<PresentedToken | undefined> {
    const token = (await provider.AccessToken.find(value)) ?? (await provider.ClientCredentials.find(value));
    if (!token?.isValid || !token.clientId) return undefined;
    const {
      jkt,
      'x5t#S256': x5t,
      grantId,
      accountId,
    } = token as { jkt?: string; 'x5t#S256'?: string; grantId?: string; accountId?: string };
    return {
      clientId: token.clientId,
      grantId: grantId ?? null,
      subject: accountId ?? token.clientId,
      audience: textOf(token.aud),
      scopes: wordsOf(token.scope),
      expiresAtSeconds: token.exp ?? 0,
      actor: undefined,
      signIn: signInClaimsIn(token.extra),
      jkt,
      certificateBound: x5t !== undefined,
    };
  }

  return (provider, value) => (value.split('.').length === 3 ? findJwt(value) : findOpaque(provider, value));
}

/** A client comes with tokens that were issued to it, or for an audience that it serves. What was meant for others it must not even have. */
export const mayPresent = (clientId: string, policy: TokenExchangePolicy, token: PresentedToken): boolean =>
  token.clientId === clientId || (token.audience !== undefined && policy.subject_audiences.includes(token.audience));

/** The living grant of a person that a token rests on. @throws InvalidRequest for a client's own token, and where the grant is gone */
export async function requireGrant(
  provider: Provider,
  { grantId }: PresentedToken,
): Promise<Grant & { accountId: string; clientId: string }> {
  const grant = grantId === null ? undefined : await provider.Grant.find(grantId);
  if (!grant?.accountId || !grant.clientId) throw new errors.InvalidRequest('subject_token speaks for no person');
  return grant as Grant & { accountId: string; clientId: string };
}

/** How many actors stand behind each other. */
export const depthOf = (actor: Actor | undefined): number => (actor ? 1 + depthOf(actor.act) : 0);
