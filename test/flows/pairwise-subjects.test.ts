import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { askRegistration, callback, registerClient } from '../support/client-registration.js';
import { API, type DeclaredClient } from '../support/declarations.js';
import { createPerson } from '../support/people.js';
import { createRelyingParty, obtainTokens, type RelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const application = (name: string, redirectUri: string, more: object = {}): DeclaredClient => ({
  client_id: name,
  client_secret: `a-secret-of-${name}-long-enough-to-be-one`,
  client_name: name,
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'client_secret_basic',
  subject_type: 'pairwise',
  ...more,
});

/** Two of one host, one of another, and one that is ours. */
const applications = {
  books: application('books', 'https://one.example.com/books'),
  music: application('music', 'https://one.example.com/music'),
  bank: application('bank', 'https://two.example.com/cb'),
  house: application('house', 'https://house.example.com/cb', { first_party: true }),
};
type Name = keyof typeof applications;

const partiesOf = async (server: TestServer) => {
  for (const client of Object.values(applications)) await server.services.clients.create(client, { source: 'operator' });
  const entries = Object.entries(applications).map(async ([name, client]) => [name, await createRelyingParty(server, client)] as const);
  return Object.fromEntries(await Promise.all(entries)) as Record<Name, RelyingParty>;
};

describe('a pairwise subject', () => {
  let server: TestServer;
  let parties: Record<Name, RelyingParty>;
  let worker: RelyingParty;
  let person: Awaited<ReturnType<typeof createPerson>>;
  const signIn = (name: Name, more: Partial<Parameters<typeof obtainTokens>[2]> = {}) =>
    obtainTokens(server, parties[name], { person, ...more });
  beforeAll(async () => {
    server = await startDeclaredServer();
    [parties, worker] = await Promise.all([partiesOf(server), createRelyingParty(server, 'worker')]);
    person = await createPerson(server);
  });
  afterAll(() => server?.close());

  test('is the same within a sector, another in each other sector, and never the account’s own name', async () => {
    const subjects = { books: '', music: '', bank: '' };
    for (const name of ['books', 'music', 'bank'] as const) subjects[name] = (await signIn(name)).accountId;
    expect(subjects.books).toMatch(/^[\w-]{43}$/);
    expect(subjects.music).toBe(subjects.books);
    expect(subjects.bank).not.toBe(subjects.books);
    expect(Object.values(subjects)).not.toContain(person.account.id);
    const other = await createPerson(server);
    expect((await signIn('books', { person: other })).accountId).not.toBe(subjects.books);
    expect((await signIn('books')).accountId).toBe(subjects.books);
  });

  test('is what every answer about the person says: ID token, userinfo, refresh, introspection by anybody', async () => {
    const { tokens, accountId: subject } = await signIn('books');
    const userinfo = await oidc.fetchUserInfo(parties.books.config, tokens.access_token, subject);
    const refreshed = await oidc.refreshTokenGrant(parties.books.config, tokens.refresh_token ?? '');
    expect(refreshed.claims()?.sub).toBe(subject);
    const introspected = await Promise.all(
      [parties.books, worker].flatMap(({ config }) => [
        oidc.tokenIntrospection(config, refreshed.access_token),
        oidc.tokenIntrospection(config, refreshed.refresh_token ?? ''),
      ]),
    );
    for (const answer of introspected) expect(answer).toMatchObject({ active: true, sub: subject, client_id: 'books' });
    const said = JSON.stringify([userinfo, tokens.claims(), refreshed.claims(), introspected]);
    expect(said).not.toContain(person.account.id);
  });

  test('is in the JWT for an API and in its introspection', async () => {
    const forApi = { parameters: { scope: 'openid orders:read', resource: API }, tokenParameters: { resource: API } };
    const { tokens, accountId: subject } = await signIn('bank', forApi);
    expect(decodeJwt(tokens.access_token)).toMatchObject({ sub: subject, aud: API });
    expect(JSON.stringify(decodeJwt(tokens.access_token))).not.toContain(person.account.id);
    for (const { config } of [parties.bank, worker]) {
      expect(await oidc.tokenIntrospection(config, tokens.access_token)).toMatchObject({ active: true, sub: subject });
    }
    // Ended with the account, which is found by the grant and not by this name.
    await server.services.sessions.endAll(person.account.id);
    expect(await oidc.tokenIntrospection(parties.bank.config, tokens.access_token)).toEqual({ active: false });
  });

  test('at our own API still means the account', async () => {
    const audience = `${server.url}/api`;
    const forUs = { parameters: { scope: 'openid account', resource: audience }, tokenParameters: { resource: audience } };
    const { tokens, accountId: subject } = await signIn('house', forUs);
    expect(decodeJwt(tokens.access_token).sub).toBe(subject);
    expect(subject).not.toBe(person.account.id);
    expect(await server.app.firstParty.authenticate(tokens.access_token)).toMatchObject({
      accountId: person.account.id,
      clientId: 'house',
    });
  });

  test('of an application is never told to a client that moves to its sector after a person let that in', async () => {
    const metadata = {
      redirect_uris: [callback],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
      subject_type: 'pairwise',
    };
    const stranger = await registerClient(server, metadata);
    const party = await createRelyingParty(server, { ...metadata, client_id: stranger.client_id });
    const { tokens, accountId: subject } = await obtainTokens(server, party, { person });
    const moved = await askRegistration(stranger.registration_client_uri, {
      method: 'PUT',
      token: stranger.registration_access_token,
      body: { ...metadata, client_id: stranger.client_id, redirect_uris: applications.books.redirect_uris },
    });
    expect(moved.status).toBe(200);
    const refreshed = await oidc.refreshTokenGrant(party.config, String(tokens.refresh_token));
    expect(refreshed.claims()?.sub).toBe(subject);
    expect((await signIn('books')).accountId).not.toBe(subject);
  });

  test('in an ID token is a hint for its own application', async () => {
    const { browser, tokens } = await signIn('books');
    const silently = async (hint: string | undefined) => {
      const { url } = await parties.books.begin({ prompt: 'none', id_token_hint: hint ?? '' });
      return new URL((await browser.request(url.href)).headers.get('location') ?? '').searchParams;
    };
    expect((await silently(tokens.id_token)).get('code')).toBeTruthy();
    const other = await signIn('books', { person: await createPerson(server), browser: new Browserless() });
    expect((await silently(other.tokens.id_token)).get('error')).toBe('login_required');
  });
});
