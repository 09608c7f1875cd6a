import { describe, expect, it } from 'vitest';
import { createDatabaseUrl } from '../support/database.js';
import { declare } from '../support/declarations.js';
import { createPerson } from '../support/people.js';
import { startTestServer } from '../support/server.js';

const production = { LATCHKEY_ENV: 'production', ISSUER_URL: 'https://login.example.com', SMTP_URL: 'smtp://127.0.0.1:9' };

const startWith = async (secret: string, env: Record<string, string>) => {
  const declared = declare({ clients: [{ client_id: 'worker', client_secret: secret, profile: 'service' }] });
  try {
    const server = await startTestServer({ env: { ...declared.env, ...env } });
    await server.close();
  } finally {
    declared.remove();
  }
};

describe('a declared client secret that can be guessed', () => {
  it('is refused in production, with its place and its mend, and good enough for development', async () => {
    const guessable = 'changeme';
    await expect(startWith(guessable, production)).rejects.toThrow(
      /CLIENTS_FILE\[0\]\.client_secret: must have at least 22 characters.*openssl/,
    );
    await startWith(guessable, {});
    await startWith('q8Yp2rTzV5nK1mXw7sLd0f', production);
  });
});

describe('an administrator that was made for development', () => {
  it('is refused in production, with what to do, until there is none', async () => {
    const { url: databaseUrl, drop } = await createDatabaseUrl('sqlite');
    const before = await startTestServer({ databaseUrl });
    const email = before.services.firstAdministrator?.email ?? '';
    expect(email).toBe('admin@latchkey.localhost');
    await before.close();
    const refused = startTestServer({ databaseUrl, env: production });
    await expect(refused).rejects.toMatchObject({
      code: 'accounts.development_administrator',
      message: expect.stringContaining('latchkey user delete'),
    });
    const again = await startTestServer({ databaseUrl });
    const account = await again.services.identity.accounts.findByEmail(email);
    await createPerson(again, { email: 'ann@example.com', roles: ['user', 'admin'] });
    await again.services.identity.accounts.disable(account?.id ?? '');
    await again.close();
    await (await startTestServer({ databaseUrl, env: production })).close();
    await drop();
  });
});
