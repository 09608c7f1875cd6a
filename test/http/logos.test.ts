import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { startTestServer, type TestServer } from '../support/server.js';

describe('an application’s logo', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());

  const policyAt = async (clientId: string) => {
    const query = new URLSearchParams({
      client_id: clientId,
      redirect_uri: 'https://shop.example.com/callback',
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    const page = await new Browserless().open(`${server.url}/authorize?${query}`);
    expect(page.status).toBe(200);
    return { page, policy: page.headers.get('content-security-policy') ?? '' };
  };

  it('is shown on the pages of the flow when an operator registered the application, and its host alone may serve it', async () => {
    const { client } = await server.services.clients.create(
      { client_name: 'Shop', redirect_uris: ['https://shop.example.com/callback'], logo_uri: 'https://cdn.example.com/logo.png' },
      { source: 'operator' },
    );
    const { page, policy } = await policyAt(client.id);
    expect(page.body).toContain('https://cdn.example.com/logo.png');
    expect(policy).toMatch(/img-src 'self' data: https:\/\/cdn\.example\.com;/);
  });

  it('is neither shown nor loaded when the application registered itself', async () => {
    const { client } = await server.services.clients.create(
      { client_name: 'Stranger', redirect_uris: ['https://shop.example.com/callback'], logo_uri: 'https://cdn.example.com/logo.png' },
      { source: 'registered' },
    );
    const { page, policy } = await policyAt(client.id);
    expect(page.body).not.toContain('cdn.example.com');
    expect(policy).toMatch(/img-src 'self' data:;/);
  });
});
