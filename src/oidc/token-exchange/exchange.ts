import { type AccessToken, type Client, type ClientCredentials, errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { Audit } from '../../platform/audit/index.js';
import { nowSeconds } from '../../platform/clock.js';
import type { TokenExchangePolicy } from '../clients/index.js';
import type { JwtAccessTokens } from '../jwt-access-tokens/index.js';
import { type ResourceServerInfo, resourceServerFor } from '../resource-access.js';
import { type Binding, bind, readBinding, requireProofOf } from './binding.js';
import { MAX_ACTORS, requirePolicy, requireTarget } from './policy.js';
import { type Actor, createTokenFinder, depthOf, mayPresent, type PresentedToken, requireGrant } from './tokens.js';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/** The further claims of tokens that were made by an exchange. */
export type Exchanged = WeakMap<AccessToken | ClientCredentials, Record<string, unknown>>;

export type ExchangeDeps = {
  findResource(identifier: string): ResourceServerInfo | undefined;
  /** null for an account that is gone or disabled */
  findAccount(accountId: string): Promise<object | null>;
  jwtAccessTokens: Pick<JwtAccessTokens, 'find'>;
  audit: Pick<Audit, 'record'>;
  exchanged: Exchanged;
};

type Params = Record<string, unknown>;

/**
 * Answers one exchange. The result is a JWT for one audience, of no more scopes than the subject token has, that ends no later than it and with the
 * same grant. Refusals are those of RFC 8693, section 2.2.2; all tokens that are no good are refused alike.
 */
export function createExchange({ findResource, findAccount, jwtAccessTokens, audit, exchanged }: ExchangeDeps) {
  const findToken = createTokenFinder({ jwtAccessTokens });

  async function readToken(provider: Provider, params: Params, name: 'subject_token' | 'actor_token'): Promise<PresentedToken | undefined> {
    const [value, type] = [params[name], params[`${name}_type`]];
    if (value === undefined && type === undefined) return undefined;
    if (type !== ACCESS_TOKEN) throw new errors.InvalidRequest(`${name}_type must be ${ACCESS_TOKEN}`);
    const token = typeof value === 'string' ? await findToken(provider, value) : undefined;
    if (!token) throw notGood(name);
    return token;
  }

  /** Whoever acts shows a token of its own: a service its client's, a person one that was issued to this client. */
  async function readActor(provider: Provider, { params, client, binding }: { params: Params; client: Client; binding: Binding }) {
    const token = await readToken(provider, params, 'actor_token');
    if (!token) return undefined;
    if (token.clientId !== client.clientId || token.actor) throw notGood('actor_token');
    requireProofOf(token, binding, 'actor_token');
    return token;
  }

  function targetOf(client: Client, audience: string): ResourceServerInfo & { scope: string } {
    const resource = findResource(audience);
    // A token for our own APIs can change the account behind it; and only JWTs can say who acts.
    if (!resource || resource.firstPartyOnly || resource.accessTokenFormat !== 'jwt') throw new errors.InvalidTarget();
    return { ...resource, ...resourceServerFor(resource, client, undefined) };
  }

  return async function exchange(provider: Provider, ctx: KoaContextWithOIDC): Promise<void> {
    const client = ctx.oidc.client as Client;
    const params = ctx.oidc.params as Params;
    const policy = requirePolicy(client);
    const binding = await readBinding(provider, ctx);
    if ((params.requested_token_type ?? ACCESS_TOKEN) !== ACCESS_TOKEN)
      throw new errors.InvalidRequest(`requested_token_type must be ${ACCESS_TOKEN}`);
    const subject = await readToken(provider, params, 'subject_token');
    if (!subject) throw new errors.InvalidRequest('missing required parameter(s): subject_token, subject_token_type');
    if (!mayPresent(client.clientId, policy, subject)) throw notGood('subject_token');
    requireProofOf(subject, binding, 'subject_token');
    const grant = await requireGrant(provider, subject);
    const actor = await readActor(provider, { params, client, binding });
    const act = chainOf(policy, subject, actor);

    const audience = requireTarget(policy, params);
    const { scopes: _all, firstPartyOnly: _only, accessTokenClaims: _claims, ...server } = targetOf(client, audience);
    const scope = scopeOf(params, subject, server.scope);
    const account = await findAccount(grant.accountId);
    if (!account) throw notGood('subject_token');

    const { accountId } = grant;
    const token = new provider.AccessToken({ accountId, client, grantId: grant.jti, gty: 'token_exchange' });
    token.resourceServer = new provider.ResourceServer(audience, server);
    token.scope = scope;
    const now = nowSeconds();
    token.exp = Math.min(now + token.expiration, subject.expiresAtSeconds);
    await bind(provider, ctx, token, binding);
    exchanged.set(token, { ...subject.signIn, grant_client_id: grant.clientId, ...(act ? { act } : {}) });
    ctx.oidc.entity('Grant', grant);
    ctx.oidc.entity('AccessToken', token);
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN,
      token_type: token.tokenType,
      expires_in: token.exp - now,
      scope,
    };
    await audit.record({
      type: 'token.exchanged',
      outcome: 'success',
      ...(actor ? { actorId: actor.subject } : {}),
      subjectId: accountId,
      clientId: client.clientId,
      ip: ctx.ip,
      detail: {
        audience,
        scope,
        from_client: subject.clientId,
        delegation: actor !== undefined,
        actors: depthOf(act),
        grant_id: grant.jti,
      },
    });
  };
}

/** One answer for all that is wrong with a token: expired, revoked, of another kind, somebody else's. */
const notGood = (name: string) => new errors.InvalidRequest(`${name} is not good for this`);

/**
 * Who acts in the result. Impersonation adds nobody, but never takes away who acted before.
 * @throws UnauthorizedClient where the policy allows this kind of exchange to nobody
 */
function chainOf(policy: TokenExchangePolicy, subject: PresentedToken, actor: PresentedToken | undefined): Actor | undefined {
  if (!actor) {
    if (!policy.impersonation) throw new errors.UnauthorizedClient('this client must say who acts: actor_token');
    return subject.actor;
  }
  if (!policy.delegation) throw new errors.UnauthorizedClient('this client may not act for others');
  if (depthOf(subject.actor) >= MAX_ACTORS) throw new errors.InvalidRequest(`at most ${MAX_ACTORS} may act one for another`);
  return { sub: actor.subject, client_id: actor.clientId, ...(subject.actor ? { act: subject.actor } : {}) };
}

/** What is asked of what the subject token and the audience have in common; all of that where nothing is asked. @throws InvalidScope */
function scopeOf(params: Params, subject: PresentedToken, offered: string): string {
  const allowed = offered.split(' ').filter((name) => subject.scopes.has(name));
  const asked = typeof params.scope === 'string' ? [...new Set(params.scope.split(' '))] : allowed;
  const wider = asked.find((name) => !allowed.includes(name));
  if (wider !== undefined) throw new errors.InvalidScope('the subject token does not have this scope for this audience', wider);
  if (asked.length === 0) throw new errors.InvalidScope('the subject token has no scope of this audience', String(params.scope ?? ''));
  return asked.join(' ');
}
