/** A key-encryption key that is replaced while people are signed in: nobody notices. */
import * as oidc from 'openid-client';
import { expect, it } from 'vitest';
import { besideServer } from '../support/command-line.js';
import { createDatabaseUrl, databases } from '../support/database.js';
import { testEnvironment } from '../support/environment.js';
import { createRelyingParty, obtainTokens } from '../support/relying-party.js';
import { startTestServer } from '../support/server.js';

const OLD = testEnvironment.KEY_ENCRYPTION_KEY;
const NEW = Buffer.from('another key of thirty-two bytes!').toString('base64');
const client = {
  client_id: 'books',
  client_secret: 'a-secret-of-the-books-long-enough-to-be-one',
  client_name: 'Books',
  redirect_uris: ['https://books.example.com/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'client_secret_basic',
  subject_type: 'pairwise',
  first_party: true,
};

it.each(databases)(
  'a refresh token, a session and a pairwise subject outlive the key-encryption key they were made under, without a moment of pause (%s)',
  async (provider) => {
    const database = await createDatabaseUrl(provider, 'server');
    const start = (env: Record<string, string>) => startTestServer({ databaseUrl: database.url, env });
    const both = { KEY_ENCRYPTION_KEY: NEW, KEY_ENCRYPTION_KEY_PREVIOUS: OLD };

    const old = await start({ KEY_ENCRYPTION_KEY: OLD });
    await old.services.clients.create(client, { source: 'operator' });
    const books = await createRelyingParty(old, client);
    const { browser, tokens, accountId: subject } = await obtainTokens(old, books);
    let refreshToken = String(tokens.refresh_token);
    const refresh = async (party = books) => {
      const next = await oidc.refreshTokenGrant(party.config, refreshToken);
      expect(next.claims()?.sub).toBe(subject);
      refreshToken = String(next.refresh_token);
    };
    await expect(start({ KEY_ENCRYPTION_KEY: NEW })).rejects.toMatchObject({ code: 'secrets.wrong_key' });

    // One server after the other gets both keys; those with the old one alone go on.
    const rolled = await start(both);
    const rolledBooks = await createRelyingParty(rolled, client);
    const latchkey = besideServer(old.config);
    let done = false;
    const work = (async () => {
      while (!done) for (const party of [books, rolledBooks]) await refresh(party);
    })();
    const outcomes = await Promise.all([1, 2].map(() => latchkey.json(['secrets', 'reseal'], { env: both }))).finally(() => {
      done = true;
    });
    await work;
    expect(outcomes.map(({ total }) => total)).toEqual([5, 5]);
    await refresh(books);
    await refresh(rolledBooks);
    await Promise.all([old.close(), rolled.close()]);

    await expect(start({ KEY_ENCRYPTION_KEY: OLD })).rejects.toMatchObject({ code: 'secrets.wrong_key' });
    const after = await start({ KEY_ENCRYPTION_KEY: NEW });
    const afterBooks = await createRelyingParty(after, client);
    await refresh(afterBooks);
    const { url, checks } = await afterBooks.begin({ prompt: 'none' });
    const { headers } = await browser.request(url.href);
    const again = await afterBooks.finish(headers.get('location') ?? '', checks);
    expect(again.claims()?.sub).toBe(subject);
    await after.close();
    await database.drop();
  },
);
