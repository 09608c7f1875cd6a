import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { consent, createPerson, signIn } from '../support/people.js';
import { freePort } from '../support/ports.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { readSnippet, writeSnippet } from '../support/snippets.js';

async function answers(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const reached = await fetch(url, { redirect: 'manual' }).then(
      () => true,
      () => false,
    );
    if (reached) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer`);
}

describe('the snippets of the README work as they stand', () => {
  let server: TestServer;
  let folder: string;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-readme-'));
    const resourcesFile = path.join(folder, 'resources.json');
    writeFileSync(resourcesFile, readSnippet('resources'));
    server = await startTestServer({ env: { RESOURCES_FILE: resourcesFile } });
  });
  afterAll(async () => {
    for (const child of children) {
      child.kill();
      await once(child, 'exit');
    }
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('an application signs somebody in', async () => {
    const port = await freePort();
    const created = await server.services.clients.create(
      { client_name: 'My shop', redirect_uris: [`http://127.0.0.1:${port}/callback`], scope: 'openid profile email' },
      { source: 'operator' },
    );
    children.push(
      spawn(process.execPath, [writeSnippet('application', String(port))], {
        stdio: 'inherit',
        env: {
          ...process.env,
          ISSUER_URL: server.url,
          CLIENT_ID: created.client.id,
          CLIENT_SECRET: String(created.clientSecret),
          PORT: String(port),
        },
      }),
    );
    await answers(`http://127.0.0.1:${port}/callback-not-yet`);
    const { email } = await createPerson(server);
    const browser = new Browserless();
    const start = await browser.request(`http://127.0.0.1:${port}/`);
    const login = await browser.open(String(start.headers.get('location')));
    const back = await consent(browser, await signIn(browser, login, { email }));
    const greeting = await browser.request(String(back.headers.get('location')));
    expect(greeting.body).toBe(`Hello ${email}`);
  });

  it('a service accepts a token made for it, and no other', async () => {
    process.env.ISSUER_URL = server.url;
    const { authorize } = (await import(pathToFileURL(writeSnippet('service', 'test')).href)) as {
      authorize(request: { headers: Record<string, string> }): Promise<string>;
    };
    const { client: registered, clientSecret } = await server.services.clients.create(
      { client_name: 'Robot', profile: 'service', scope: 'orders:read' },
      { source: 'operator' },
    );
    const issuer = await client.discovery(new URL(server.url), registered.id, String(clientSecret), undefined, {
      execute: [client.allowInsecureRequests],
    });
    const token = await client.clientCredentialsGrant(issuer, { resource: 'https://api.example.com', scope: 'orders:read' });
    await expect(authorize({ headers: { authorization: `Bearer ${token.access_token}` } })).resolves.toBe(registered.id);
    await expect(authorize({ headers: { authorization: `Bearer ${token.access_token}x` } })).rejects.toThrow();
    const unscoped = await client.clientCredentialsGrant(issuer, { resource: 'https://api.example.com' });
    await expect(authorize({ headers: { authorization: `Bearer ${unscoped.access_token}` } })).rejects.toThrow();
  });
});
