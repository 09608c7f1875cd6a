import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { declare } from './declarations.js';
import { startTestServer, type TestServer } from './server.js';

/** A test server with an application that a real browser can be sent back to, and with another one at the same address. */
export type BrowserServer = {
  server: TestServer;
  /** where the application answers; its title is "Back at the application" */
  app: string;
  /** An authorization request of the application. */
  authorizeUrl(parameters?: Record<string, string>): string;
  close(): Promise<void>;
};

export async function startBrowserServer(): Promise<BrowserServer> {
  const application = createServer((_request, response) =>
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<!doctype html><html lang="en"><title>Back at the application</title><main><h1>Back at the application</h1></main>'),
  );
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const app = `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
  const declared = declare({
    clients: [
      {
        client_id: 'app',
        client_name: 'Example App',
        client_uri: `${app}/`,
        token_endpoint_auth_method: 'none',
        redirect_uris: [`${app}/callback`],
        post_logout_redirect_uris: [`${app}/signed-out`],
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid profile email offline_access orders:read orders:write',
      },
      {
        client_id: 'other',
        client_name: 'Other App',
        token_endpoint_auth_method: 'none',
        redirect_uris: [`${app}/other/callback`],
        scope: 'openid profile email',
      },
      {
        client_id: 'television',
        client_name: 'Example Television',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: [],
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        scope: 'openid profile email offline_access orders:read orders:write',
      },
    ],
  });
  const server = await startTestServer({ env: declared.env });
  return {
    server,
    app,
    authorizeUrl(parameters = {}) {
      const query = new URLSearchParams({
        client_id: 'app',
        response_type: 'code',
        redirect_uri: `${app}/callback`,
        scope: 'openid profile email offline_access orders:read orders:write',
        resource: 'https://api.example.com',
        code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
        code_challenge_method: 'S256',
        ...parameters,
      });
      return `${server.url}/authorize?${query}`;
    },
    async close() {
      await server.close();
      application.closeAllConnections();
      await new Promise((resolve) => application.close(resolve));
      declared.remove();
    },
  };
}

/** Fills in the sign-in page and sends it. */
export async function signInByHand(page: Page, { email, password }: { email: string; password: string }): Promise<void> {
  await page.getByLabel('Email or username').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** What the television gets when it asks for a code. */
export async function askForCode(url: string): Promise<{ device_code: string; user_code: string; verification_uri_complete: string }> {
  const body = new URLSearchParams({
    client_id: 'television',
    scope: 'openid profile offline_access orders:read orders:write',
    resource: 'https://api.example.com',
  });
  const response = await fetch(`${url}/device/auth`, { method: 'POST', body });
  return (await response.json()) as Awaited<ReturnType<typeof askForCode>>;
}
