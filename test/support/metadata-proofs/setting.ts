import { randomBytes } from 'node:crypto';
import { createRemoteJWKSet } from 'jose';
import { expect } from 'vitest';
import { makeKey, type SigningKey } from '../assertions.js';
import { Browserless, type Page } from '../browserless.js';
import { declare, declaredResources } from '../declarations.js';
import { createPerson, signIn } from '../people.js';
import { startDeclaredServer } from '../relying-party.js';
import type { TestServer } from '../server.js';

export type Metadata = Record<string, unknown>;
export type Fields = Record<string, string>;
export type App = { id: string; headers: Fields; redirectUri: string };
export type Answer = { status: number; text: string; body: Record<string, unknown> };

export const HOST = 'https://client.example.net';
export const REDIRECT = `${HOST}/callback`;

/** A resource server at which people are asked about details. */
export const BANK = 'https://bank.example.com';
const bank = {
  ...{ identifier: BANK, name: 'Example Bank', scopes: ['accounts'] },
  authorization_details_types: [
    { type: 'payment', description: 'Pay', members: { amount: { kind: 'number', label: 'Amount', min: 1, max: 100 } } },
  ],
};

/** Settings under which everything that can be advertised is. */
const EVERYTHING = {
  TRUST_PROXY: 'loopback',
  CLIENT_CERTIFICATE_HEADER: 'X-SSL-Client-Cert',
  CLIENT_CERTIFICATE_VERIFIED_HEADER: 'X-SSL-Client-Verify',
  SIGNING_ALGS: 'RS256,PS256,ES256,EdDSA',
  LIMIT_CLIENT_REGISTRATIONS_PER_HOUR: '100000',
};

export type Setting = Awaited<ReturnType<typeof openSetting>>;

/**
 * A server that offers all it can, its two discovery documents, and a person who is signed in in one browser. Whatever a proof asks for goes to the
 * addresses that the documents name.
 */
export async function openSetting() {
  const pages = new Map<string, object>();
  const told: { url: string; body: string }[] = [];
  const declared = declare({ resources: [...declaredResources, bank] });
  const server: TestServer = await startDeclaredServer({
    env: { ...EVERYTHING, ...declared.env },
    outbound: {
      async fetch({ url, method, body }) {
        if (method === 'POST') told.push({ url: String(url), body: String(body) });
        const page = pages.get(String(url));
        if (method !== 'POST' && !page) return new Response('{}', { status: 404 });
        return new Response(page ? JSON.stringify(page) : null, {
          status: page ? 200 : 204,
          headers: { 'content-type': 'application/json' },
        });
      },
    },
  });
  const read = async (path: string) => (await (await fetch(`${server.url}/.well-known/${path}`)).json()) as Metadata;
  const [metadata, oauthMetadata] = await Promise.all([read('openid-configuration'), read('oauth-authorization-server')]);
  const endpoint = (name: string) => String(metadata[name]);

  const person = await createPerson(server, { username: 'everybody' });
  await server.services.identity.accounts.updateProfile(person.account.id, {
    firstName: 'Every',
    lastName: 'Body',
    fullName: 'Every Body',
  });
  const browser = new Browserless();

  /** An application of the house, so that nobody is asked for consent. */
  async function register(members: Metadata = {}): Promise<App> {
    const made = await server.services.clients.create(
      {
        client_name: 'App',
        first_party: true,
        redirect_uris: [REDIRECT],
        grant_types: ['authorization_code', 'refresh_token'],
        ...members,
      },
      { source: 'operator' },
    );
    const { client, clientSecret: secret } = made;
    const authorization = `Basic ${Buffer.from(`${client.id}:${secret}`).toString('base64')}`;
    return {
      id: client.id,
      headers: secret ? { authorization } : {},
      redirectUri: String((members.redirect_uris as string[])?.[0] ?? REDIRECT),
    };
  }

  async function post(name: string, fields: Fields, headers: Fields = {}): Promise<Answer> {
    const response = await fetch(endpoint(name), { method: 'POST', headers, body: new URLSearchParams(fields) });
    const text = await response.text();
    return { status: response.status, text, body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {} };
  }

  const verifier = randomBytes(32).toString('base64url');
  const challenge = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(verifier))).toString('base64url');
  const requestOf = (app: App, parameters: Fields = {}): Fields => ({
    ...{ client_id: app.id, redirect_uri: app.redirectUri, response_type: 'code', scope: 'openid', nonce: 'n', state: 's' },
    ...{ code_challenge: challenge, code_challenge_method: 'S256', ...parameters },
  });
  /** Sends the browser to the authorization endpoint: the page it ends on, and what it would tell the application. */
  async function send(query: Fields, by = browser): Promise<{ page: Page; told: URLSearchParams; location: URL | undefined }> {
    let page = await by.open(`${endpoint('authorization_endpoint')}?${new URLSearchParams(query)}`);
    if (page.status === 200 && page.body.includes('name="password"')) page = await signIn(by, page, person);
    const header = page.headers.get('location');
    const location = header ? new URL(header, page.url) : undefined;
    const parameters = new URLSearchParams(location?.hash ? location.hash.slice(1) : (location?.search ?? ''));
    return { page, told: parameters, location };
  }
  const authorize = (app: App, parameters: Fields = {}, by = browser) => send(requestOf(app, parameters), by);

  async function redeem(app: App, code: string | null, fields: Fields = {}, headers: Fields = {}): Promise<Answer> {
    const right = { grant_type: 'authorization_code', code: String(code), redirect_uri: app.redirectUri, code_verifier: verifier };
    return post('token_endpoint', { ...right, ...fields }, { ...app.headers, ...headers });
  }
  /** Code and tokens. */
  async function flow(app: App, parameters: Fields = {}, fields: Fields = {}, by = browser): Promise<Record<string, string>> {
    const { told: answered } = await authorize(app, parameters, by);
    const { status, body, text } = await redeem(app, answered.get('code'), fields);
    expect(status, `${answered} ${text}`).toBe(200);
    return body as Record<string, string>;
  }
  await flow(await register());

  /**
   * No client has this: not when an operator makes it, who hears why, and not when it registers itself.
   * @param atRegistration what only an operator may decide is left out of a registration unread, as its answer says (RFC 7591, section 3.2.1)
   */
  async function expectNoClientWith(
    member: string,
    value: unknown,
    rest: Metadata = {},
    atRegistration: 'refused' | 'left out' = 'refused',
  ) {
    const client = { client_name: 'App', redirect_uris: [REDIRECT], ...rest, [member]: value };
    await expect(server.services.clients.create(client, { source: 'operator' })).rejects.toMatchObject({
      code: 'clients.invalid',
      details: expect.arrayContaining([expect.objectContaining({ path: expect.stringMatching(`^${member}`) })]),
    });
    const response = await fetch(endpoint('registration_endpoint'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(client),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (atRegistration === 'refused') expect([response.status, answer.error]).toEqual([400, 'invalid_client_metadata']);
    else expect([response.status, answer[member]]).toEqual([201, undefined]);
  }

  return {
    ...{ server, metadata, oauthMetadata, endpoint, person, browser, pages, told },
    ...{ register, post, requestOf, send, authorize, redeem, flow, expectNoClientWith },
    keys: createRemoteJWKSet(new URL(endpoint('jwks_uri'))),
    async close() {
      await server.close();
      declared.remove();
    },
  };
}

/** How one member of the metadata is kept. */
export type Proof = {
  /** Asks for what is advertised, and fails where it is not had. @param value one of the list, or the value that is no list */
  keeps(setting: Setting, value: string): Promise<unknown>;
  /** values that servers of this kind may have; those that are not advertised must be refused */
  others?: readonly string[];
  refuses?(setting: Setting, value: string): Promise<unknown>;
};
export type Proofs = Record<string, Proof>;

export const claimsIn = (jwt: string | undefined): Record<string, unknown> =>
  JSON.parse(Buffer.from(String(jwt).split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

const made = new Map<string, Promise<SigningKey>>();
/** A client's key of an algorithm, one for all: making RSA keys is what takes time. */
export function keyFor(alg: string): Promise<SigningKey> {
  const key = made.get(alg) ?? makeKey(alg);
  made.set(alg, key);
  return key;
}
