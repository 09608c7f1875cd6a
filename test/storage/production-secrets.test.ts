import { describe, expect, it } from 'vitest';
import { declare } from '../support/declarations.js';
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
