/**
 * The OpenID Connect part of the demo, and the file to read first. It owns every exchange with the
 * issuer: discovery, the authorization code flow with PKCE, userinfo, refresh, revocation and
 * sign-out. It does not own sessions or pages. Any issuer that speaks OpenID Connect will do.
 */
import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose';
import * as oidc from 'openid-client';
import type { PendingSignIn, SignedIn } from './sessions.js';
import type { DemoSettings } from './settings.js';
import { type Checked, fingerprint, verifyStepByStep } from './verify.js';

/** What the shop asks for: who you are, your orders, and to go on while you are away. */
const SCOPE = 'openid profile email orders:read offline_access';
const ALGORITHMS = ['RS256'];
const TIMEOUT_SECONDS = 10;
const MAX_SIGN_IN_MS = 3600 * 1000;

/** A reason to stop that is worth a sentence of its own on the page. */
export class DemoError extends Error {
  constructor(readonly reason: 'unknown_state' | 'sign_in_expired' | 'token_refused' | 'no_refresh_token') {
    super(reason);
  }
}

type Deps = { settings: DemoSettings /** The demo's own address, for example http://127.0.0.1:3001 */; origin: string };
type Issuer = { config: oidc.Configuration; name: string; findKey: JWTVerifyGetKey };

export type RelyingParty = ReturnType<typeof createRelyingParty>;

export function createRelyingParty({ settings, origin }: Deps) {
  const redirectUri = `${origin}/callback`;
  const api = `${origin}/api`;
  let known: Promise<Issuer> | undefined;

  /** Discovery happens once, on first need; a failure is not remembered, so the next call tries again. */
  function issuer(): Promise<Issuer> {
    known ??= discover().catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  }

  async function discover(): Promise<Issuer> {
    const { issuerUrl, clientId, clientSecret } = settings;
    const authentication = oidc.ClientSecretBasic(clientSecret);
    // openid-client insists on https; an issuer on this machine is the one exception.
    const execute = issuerUrl.protocol === 'http:' ? [oidc.allowInsecureRequests] : [];
    const options = { execute, timeout: TIMEOUT_SECONDS };
    const config = await oidc.discovery(issuerUrl, clientId, undefined, authentication, options);
    const server = config.serverMetadata();
    if (!server.jwks_uri) throw new Error('the issuer publishes no jwks_uri');
    // Keeps the keys and fetches them again when a token names one it has not seen.
    return { config, name: server.issuer, findKey: createRemoteJWKSet(new URL(server.jwks_uri)) };
  }

  /** Whether the issuer answers now. The pages ask before they send a browser there. */
  async function isReachable(): Promise<boolean> {
    const address = `${settings.issuerUrl.href.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const answer = await fetch(address, { signal: AbortSignal.timeout(3000) }).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.ok === true;
  }

  /** Step 1: where to send the browser, and what to keep until it is back. */
  async function beginSignIn(): Promise<{ url: URL; state: string; pending: PendingSignIn }> {
    const { config } = await issuer();
    const state = oidc.randomState();
    const nonce = oidc.randomNonce();
    const codeVerifier = oidc.randomPKCECodeVerifier();
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: SCOPE,
      // The API must be named here, for the person to agree to it; its tokens are asked for later.
      resource: api,
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    });
    return { url, state, pending: { nonce, codeVerifier, startedAtMs: Date.now() } };
  }

  /** Step 2: the browser is back. Checks `iss` and `state`, exchanges the code, verifies the ID token. */
  async function finishSignIn(query: string, state: string, pending: PendingSignIn | undefined) {
    if (!pending) throw new DemoError('unknown_state');
    if (pending.startedAtMs + MAX_SIGN_IN_MS < Date.now()) throw new DemoError('sign_in_expired');
    const { config } = await issuer();
    const answer = new URL(redirectUri);
    answer.search = query;
    const tokens = await oidc.authorizationCodeGrant(config, answer, {
      expectedState: state,
      expectedNonce: pending.nonce,
      pkceCodeVerifier: pending.codeVerifier,
    });
    const idToken = tokens.id_token ?? '';
    const identity = await verifyIdToken(idToken, { nonce: pending.nonce });
    const signedIn: SignedIn = {
      subject: String(identity.claims.sub),
      nonce: pending.nonce,
      idToken,
      accessToken: tokens.access_token,
      refreshToken: tokens.refresh_token,
      scope: tokens.scope ?? SCOPE,
      identity,
    };
    return signedIn;
  }

  async function verifyIdToken(
    idToken: string,
    expected: { nonce: string; nonceMayBeMissing?: boolean; subject?: string },
  ): Promise<Checked> {
    const { name, findKey } = await issuer();
    const audience = settings.clientId;
    const common = { findKey, issuer: name, audience, algorithms: ALGORITHMS };
    const checked = await verifyStepByStep(idToken, { ...common, ...expected });
    if (!checked.ok) throw new DemoError('token_refused');
    return checked;
  }

  /** Asks userinfo with the opaque access token; openid-client checks that `sub` is the same person. */
  async function callUserinfo(signedIn: SignedIn): Promise<void> {
    const { config } = await issuer();
    const { accessToken, subject } = signedIn;
    signedIn.userinfo = {
      answer: await oidc.fetchUserInfo(config, accessToken, subject),
      accessTokenFingerprint: fingerprint(accessToken),
      accessTokenLength: accessToken.length,
    };
  }

  /** Uses the refresh token. Each works once: what comes back replaces it, whatever else was asked for. */
  async function useRefreshToken(signedIn: SignedIn, parameters: Record<string, string>) {
    if (!signedIn.refreshToken) throw new DemoError('no_refresh_token');
    const { config } = await issuer();
    const tokens = await oidc.refreshTokenGrant(config, signedIn.refreshToken, parameters);
    signedIn.refreshToken = tokens.refresh_token ?? signedIn.refreshToken;
    if (tokens.id_token) {
      const { nonce, subject } = signedIn;
      const expected = { nonce, subject, nonceMayBeMissing: true };
      signedIn.identity = await verifyIdToken(tokens.id_token, expected);
      signedIn.idToken = tokens.id_token;
    }
    return tokens;
  }

  async function refresh(signedIn: SignedIn): Promise<void> {
    const before = { refresh: signedIn.refreshToken ?? '', access: signedIn.accessToken };
    const tokens = await useRefreshToken(signedIn, {});
    signedIn.accessToken = tokens.access_token;
    signedIn.scope = tokens.scope ?? signedIn.scope;
    signedIn.rotation = {
      before: fingerprint(before.refresh),
      after: fingerprint(signedIn.refreshToken ?? ''),
      accessTokenChanged: before.access !== tokens.access_token,
    };
  }

  /** Gets a JWT for the shop's own API (RFC 8707 `resource`), takes it apart, and calls the API with it. */
  async function callOrders(signedIn: SignedIn): Promise<void> {
    const tokens = await useRefreshToken(signedIn, { resource: api });
    const { name, findKey } = await issuer();
    const token = await verifyStepByStep(tokens.access_token, {
      findKey,
      issuer: name,
      audience: api,
      algorithms: ALGORITHMS,
      type: 'at+jwt',
      subject: signedIn.subject,
    });
    const response = await fetch(`${api}/orders`, {
      headers: { Authorization: `Bearer ${tokens.access_token}` },
      signal: AbortSignal.timeout(TIMEOUT_SECONDS * 1000),
    });
    signedIn.orders = { token, status: response.status, answer: await response.json() };
  }

  /** Gives the refresh token back (RFC 7009): what it could still get ends with it. */
  async function revoke(signedIn: SignedIn): Promise<void> {
    const { config } = await issuer();
    if (signedIn.refreshToken) {
      await oidc.tokenRevocation(config, signedIn.refreshToken, { token_type_hint: 'refresh_token' });
    }
  }

  /** Where to send the browser so that the issuer ends its own session too (RP-initiated logout). */
  async function signOutUrl(idToken: string, state: string): Promise<URL> {
    const { config } = await issuer();
    return oidc.buildEndSessionUrl(config, {
      id_token_hint: idToken,
      post_logout_redirect_uri: `${origin}/signed-out`,
      state,
    });
  }

  return { issuer, isReachable, beginSignIn, finishSignIn, callUserinfo, refresh, callOrders, revoke, signOutUrl };
}
