import { createHash, type JsonWebKey, randomBytes } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import type { ClientMetadata } from 'oidc-provider';
import { answerWithSuccessor, rotateRefreshToken } from '../../src/oidc/refresh-rotation.js';
import { saveSessionsThatChanged } from '../../src/oidc/session-saves.js';
import { createExchangingProvider } from '../../src/oidc/stored-at-once.js';
import { nowSeconds } from '../../src/platform/clock.js';
import { randomId } from '../../src/platform/crypto/index.js';
import type { Store } from './store.js';

export type Answer = { status: number; body: Record<string, unknown> };

export type ProviderUnderTest = Awaited<ReturnType<typeof startProvider>>;

const redirectUri = 'https://app.example/cb';

/** A bare oidc-provider over the store, on a port of its own, with one confidential client for each name, and `signer`, which authenticates by assertions. */
export async function startProvider(store: Store, { clientIds, signerJwk }: { clientIds: string[]; signerJwk: JsonWebKey }) {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  for (const clientId of clientIds) {
    store.clients.set(clientId, {
      client_id: clientId,
      client_secret: `secret-of-${clientId}`,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      scope: 'openid offline_access',
    } as ClientMetadata);
  }
  store.clients.set('signer', {
    client_id: 'signer',
    redirect_uris: [],
    response_types: [],
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...signerJwk, alg: 'ES256', use: 'sig' }] },
  } as ClientMetadata);
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const failures: unknown[] = [];
  const ExchangingProvider = createExchangingProvider(store.tokenWrites);
  const provider = new ExchangingProvider(issuer, {
    adapter: store.factory,
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'one' }] },
    cookies: { keys: [randomId()] },
    findAccount: (_ctx, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    issueRefreshToken: () => true,
    extraClientMetadata: { properties: ['profile'] },
    rotateRefreshToken: rotateRefreshToken(store.refreshUses),
    ttl: {
      Grant: 3600,
      Session: 3600,
      Interaction: 3600,
      AccessToken: 600,
      RefreshToken: 1200,
      AuthorizationCode: 60,
      ClientCredentials: 600,
    },
    clientAuthMethods: ['client_secret_basic', 'private_key_jwt'],
    pkce: { required: () => true },
    features: {
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32) },
      rpInitiatedLogout: { enabled: true },
    },
  });
  // Whatever the library did not expect: every one of these is a 500.
  provider.on('server_error', (_ctx, error) => failures.push(error));
  (provider as EventEmitter).on('error', (error: Error) => {
    if (!('expose' in error && error.expose)) failures.push(error);
  });
  answerWithSuccessor(store.refreshUses)(provider);
  saveSessionsThatChanged(provider);
  server.on('request', provider.callback());

  return {
    issuer,
    provider,
    failures,
    redirectUri,
    ...clientOf(issuer),
    /** How many tokens of a kind can still be used. */
    living: (kind: string) =>
      store.db.client.artifact.count({
        where: { kind, revokedAt: null, consumedAt: null, expiresAt: { gt: new Date(nowSeconds() * 1000) } },
      }),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The applications' side: calls of the server's own endpoints, authenticated as a client. */
export function clientOf(issuer: string) {
  async function post(path: string, clientId: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
    const authorization = `Basic ${Buffer.from(`${clientId}:secret-of-${clientId}`).toString('base64')}`;
    const basic: Record<string, string> = 'client_assertion' in form ? {} : { authorization };
    const response = await fetch(issuer + path, { method: 'POST', body: new URLSearchParams(form), headers: { ...basic, ...headers } });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : { text } };
  }

  return {
    post,
    async isActive(token: unknown, clientId: string): Promise<boolean> {
      return (await post('/token/introspection', clientId, { token: String(token) })).body.active === true;
    },
    redeem: (clientId: string, { code, verifier }: { code: string; verifier: string }) =>
      post('/token', clientId, { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: redirectUri }),
    refresh: (clientId: string, token: unknown, headers: Record<string, string> = {}) =>
      post('/token', clientId, { grant_type: 'refresh_token', refresh_token: String(token) }, headers),
  };
}

/** Where a step of the browser ended: the application's redirect URI, or a page of the server. */
export type Landing = { url: URL; status: number; code: string | null; error: string | null };

/** A browser with a cookie jar that follows the flow by hand, one request at a time, so that tests can send some of them at once. */
export function openBrowser(server: { issuer: string }) {
  const jar = new Map<string, { value: string; path: string }>();

  async function send(url: string, init: RequestInit = {}): Promise<Response> {
    const { pathname } = new URL(url, server.issuer);
    const cookie = [...jar].filter(([, { path }]) => pathname.startsWith(path)).map(([name, { value }]) => `${name}=${value}`);
    const response = await fetch(new URL(url, server.issuer), {
      redirect: 'manual',
      ...init,
      headers: { cookie: cookie.join('; '), accept: 'text/html' },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      const path = /; path=([^;]+)/.exec(line)?.[1] ?? '/';
      if (value === '' || line.includes('expires=Thu, 01 Jan 1970')) jar.delete(name);
      else jar.set(name, { value, path });
    }
    return response;
  }

  /** Follows redirects of the server until a page of its own or the application's redirect URI. */
  async function follow(url: string): Promise<Landing> {
    const response = await send(url);
    const location = response.headers.get('location');
    const next = new URL(location ?? url, server.issuer);
    if (location && next.origin === server.issuer && !next.pathname.startsWith('/interaction/')) return follow(next.href);
    const { searchParams } = next;
    return { url: next, status: response.status, code: searchParams.get('code'), error: searchParams.get('error') };
  }

  const submit = (page: URL, form: Record<string, string>) => send(page.href, { method: 'POST', body: new URLSearchParams(form) });

  function authorizeUrl(clientId: string, parameters: Record<string, string> = {}) {
    const verifier = randomId();
    const query = new URLSearchParams({
      client_id: clientId,
      response_type: 'code',
      scope: 'openid',
      redirect_uri: redirectUri,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...parameters,
    });
    return { url: `/auth?${query}`, verifier };
  }

  return {
    jar,
    send,
    follow,
    submit,
    authorizeUrl,
    /** The whole way: authorize, sign in if asked, allow if asked. */
    async signIn(
      clientId: string,
      accountId: string,
      parameters: Record<string, string> = {},
    ): Promise<{ code: string; verifier: string }> {
      const { url, verifier } = authorizeUrl(clientId, parameters);
      let landing = await follow(url);
      for (let step = 0; step < 4 && !landing.code; step++) {
        const page = await (await send(landing.url.href)).text();
        const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1] ?? '';
        const answer = await submit(landing.url, { prompt, login: accountId, password: 'x' });
        landing = await follow(answer.headers.get('location') ?? '/');
      }
      if (!landing.code) throw new Error(`no code: ${landing.status} ${landing.url}`);
      return { code: landing.code, verifier };
    },
  };
}
