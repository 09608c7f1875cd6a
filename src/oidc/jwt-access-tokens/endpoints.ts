import { errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
import type { TokenPolicy } from '../token-policy.js';
import type { JwtAccessToken, JwtAccessTokens } from './service.js';

type Middleware = Parameters<Provider['use']>[0];
type Deps = { tokens: JwtAccessTokens; policy: TokenPolicy };

const ENDPOINTS = ['introspection', 'revocation'] as const;
const PRIVATE_CLAIMS = new Set(['grant_id', 'grant_client_id']);
const JWT_INTROSPECTION = 'application/token-introspection+jwt';

/**
 * Answers introspection and revocation of JWT access tokens. The library parses such a request, authenticates the client and sees that there
 * is one token; only then it looks whether the token is a JWT, and stops with `unsupported_token_type`. That outcome, and no other, is taken
 * over: it is known by the event the library emits with the error itself, so nothing is read out of a response. Whatever the library refuses
 * before (a wrong secret, a parameter sent twice, an origin that is not the client's) stays its refusal.
 */
export function answerForJwts(deps: Deps): (provider: Provider) => void {
  return (provider) => {
    const stoppedAtJwt = new WeakSet<object>();
    const notice = (ctx: KoaContextWithOIDC, error: Error) => {
      if (error instanceof errors.UnsupportedTokenType) stoppedAtJwt.add(ctx.req);
    };
    provider.on('introspection.error', notice);
    provider.on('revocation.error', notice);
    const paths = new Map(ENDPOINTS.map((endpoint) => [provider.pathFor(endpoint), endpoint]));

    provider.use((ctx, next) => {
      const endpoint = ctx.method === 'POST' ? paths.get(ctx.path) : undefined;
      return endpoint ? answer(endpoint, ctx, next) : next();
    });

    function answer(endpoint: (typeof ENDPOINTS)[number], ctx: Parameters<Middleware>[0], next: () => Promise<void>): Promise<void> {
      // Programs ask here, whatever they say they accept: the library would answer a refusal with a page.
      if (ctx.accepts('json', 'html') === 'html') ctx.req.headers.accept = 'application/json';
      return next().then(() => (stoppedAtJwt.has(ctx.req) ? answerInstead(endpoint, ctx) : undefined));
    }

    async function answerInstead(endpoint: (typeof ENDPOINTS)[number], ctx: Parameters<Middleware>[0]): Promise<void> {
      // The library has put its context on ours while it answered.
      const answered = ctx as typeof ctx & KoaContextWithOIDC;
      ctx.status = 200;
      if (endpoint === 'revocation') ctx.body = await revoke(answered, deps);
      else await answerIntrospection(answered, await introspect(answered, deps)).catch((error: unknown) => refuse(answered, error));
    }
  };
}

/** The client that the library authenticated, and the token it sent; null for a token that is not good. */
async function read(ctx: KoaContextWithOIDC, { tokens }: Deps) {
  const { client, params } = ctx.oidc;
  if (!client) throw new Error('a token was looked at before the client was authenticated');
  return { client, token: await tokens.find(String(params?.token ?? '')) };
}

/** RFC 7662, section 2.2: whoever may not know is told what everybody is told of a token that is not good. */
async function introspect(ctx: KoaContextWithOIDC, deps: Deps): Promise<object> {
  const { client, token } = await read(ctx, deps);
  return token && deps.policy.mayIntrospect(client, token) ? { active: true, ...membersOf(token) } : { active: false };
}

/** As JSON, or as a JWT for a client that wants one (RFC 9701, sections 4 and 5), the way the library answers about its own tokens. */
async function answerIntrospection(ctx: KoaContextWithOIDC, members: object): Promise<void> {
  const { client, provider } = ctx.oidc;
  const accepts = ctx.accepts('json', JWT_INTROSPECTION);
  if (client?.introspectionEncryptedResponseAlg && accepts !== JWT_INTROSPECTION) {
    throw new errors.InvalidRequest(`introspection must be requested with Accept: ${JWT_INTROSPECTION} for this client`);
  }
  if (!client?.introspectionSignedResponseAlg || accepts !== JWT_INTROSPECTION) {
    ctx.body = members;
    return;
  }
  const token = new provider.IdToken({}, { ctx });
  token.set('token_introspection', members);
  ctx.body = await token.issue({ use: 'introspection' });
  ctx.type = `${JWT_INTROSPECTION}; charset=utf-8`;
}

/** The library's own error handler is behind us here. */
function refuse(ctx: KoaContextWithOIDC, error: unknown): void {
  if (!(error instanceof errors.OIDCProviderError)) throw error;
  ctx.status = error.statusCode;
  ctx.body = { error: error.error, error_description: error.error_description };
}

function membersOf({ claims }: JwtAccessToken): object {
  const cnf = claims.cnf as { jkt?: unknown } | undefined;
  const members = Object.entries(claims).filter(([name]) => !PRIVATE_CLAIMS.has(name));
  return { ...Object.fromEntries(members), token_type: cnf?.jkt === undefined ? 'Bearer' : 'DPoP' };
}

/** RFC 7009, section 2.2: 200 and nothing said, also for a token that is not good or is somebody else's, so nobody can find out which. */
async function revoke(ctx: KoaContextWithOIDC, deps: Deps): Promise<string> {
  const { client, token } = await read(ctx, deps);
  if (token && deps.policy.mayRevoke(client, token)) {
    const { grantId } = await deps.tokens.revoke(token);
    if (grantId !== null) ctx.oidc.provider.emit('grant.revoked', ctx, grantId);
  }
  return '';
}
