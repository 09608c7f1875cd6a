import * as oidc from 'openid-client';
import { Browserless, type Page } from './browserless.js';
import { type ClientName, clients, type DeclaredClient, declare } from './declarations.js';
import { consent, createPerson, signIn } from './people.js';
import { startTestServer, type TestServer, type TestServerOptions } from './server.js';

export type Tokens = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers;
export type Checks = { pkceCodeVerifier: string; expectedState: string; expectedNonce: string };
export type Parameters = Record<string, string>;

/** An application that signs people in with openid-client. */
export type RelyingParty = {
  config: oidc.Configuration;
  redirectUri: string;
  /** The authorization request, and what its answer is checked against. */
  begin(parameters?: Parameters): Promise<{ url: URL; checks: Checks }>;
  /** Redeems the code of the address the browser was sent to. */
  finish(location: string | URL, checks: Checks, parameters?: Parameters, options?: oidc.DPoPOptions): Promise<Tokens>;
};

/** A test server that knows the declared clients and resources. */
export async function startDeclaredServer(options: TestServerOptions = {}): Promise<TestServer> {
  const declared = declare();
  const server = await startTestServer({ ...options, env: { ...declared.env, ...options.env } }).catch((error: unknown) => {
    declared.remove();
    throw error;
  });
  return {
    ...server,
    async close() {
      await server.close();
      declared.remove();
    },
  };
}

function authenticationOf(client: DeclaredClient): oidc.ClientAuth {
  if (client.token_endpoint_auth_method === 'none') return oidc.None();
  return client.token_endpoint_auth_method === 'client_secret_post'
    ? oidc.ClientSecretPost(client.client_secret)
    : oidc.ClientSecretBasic(client.client_secret);
}

/** @param name a declared client, or the metadata of another one that is registered */
export async function createRelyingParty(
  server: { url: string },
  name: ClientName | DeclaredClient,
  authentication?: oidc.ClientAuth,
): Promise<RelyingParty> {
  const client: DeclaredClient = typeof name === 'string' ? clients[name] : name;
  const config = await oidc.discovery(new URL(server.url), client.client_id, undefined, authentication ?? authenticationOf(client), {
    execute: [oidc.allowInsecureRequests],
  });
  const redirectUri = String((client.redirect_uris as string[])[0]);
  return {
    config,
    redirectUri,
    async begin(parameters = {}) {
      const checks = {
        pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
        expectedState: oidc.randomState(),
        expectedNonce: oidc.randomNonce(),
      };
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        scope: 'openid profile email',
        state: checks.expectedState,
        nonce: checks.expectedNonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
        code_challenge_method: 'S256',
        ...parameters,
      });
      return { url, checks };
    },
    finish: (location, checks, parameters, options) =>
      oidc.authorizationCodeGrant(config, new URL(location), { ...checks, idTokenExpected: true }, parameters, options),
  };
}

/** Where a page that is a redirect sends the browser. */
export function locationOf(page: Page): URL {
  const location = page.headers.get('location');
  if (!location) throw new Error(`no redirect from ${page.url} (${page.status})\n${page.body.slice(0, 1500)}`);
  return new URL(location, page.url);
}

export const titleOf = (page: Page): string => /<title>([^<]*)<\/title>/.exec(page.body)?.[1] ?? '';

export type SignedIn = { browser: Browserless; tokens: Tokens; email: string; accountId: string; checks: Checks };

/** The whole way: authorization request, sign-in page if it comes, consent page if it comes, code, tokens. */
export async function obtainTokens(
  server: TestServer,
  party: RelyingParty,
  {
    browser = new Browserless(),
    person,
    parameters,
    remember,
    tokenParameters,
    tokenOptions,
  }: {
    browser?: Browserless;
    person?: { email: string; password: string };
    parameters?: Parameters;
    remember?: boolean;
    tokenParameters?: Parameters;
    tokenOptions?: oidc.DPoPOptions;
  } = {},
): Promise<SignedIn> {
  const someone = person ?? (await createPerson(server));
  const { url, checks } = await party.begin(parameters);
  let page = await browser.open(url.href);
  if (page.status === 200 && page.body.includes('name="password"'))
    page = await signIn(browser, page, { ...someone, ...(remember ? { remember } : {}) });
  if (page.status === 200 && page.body.includes('name="decision"')) page = await consent(browser, page);
  const tokens = await party.finish(locationOf(page), checks, tokenParameters, tokenOptions);
  return { browser, tokens, email: someone.email, accountId: String(tokens.claims()?.sub), checks };
}

/** The OAuth error code (and status) with which a call of openid-client was refused. */
export async function refusalOf(call: Promise<unknown>): Promise<{ error: string; status: number }> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof oidc.ResponseBodyError) return { error: error.error, status: error.status };
  if (error instanceof oidc.AuthorizationResponseError) return { error: error.error, status: 0 };
  if (error instanceof oidc.WWWAuthenticateChallengeError) return { error: String(error.cause[0]?.parameters.error), status: error.status };
  throw error ?? new Error('it was not refused');
}
