import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { API } from '../support/declarations.js';
import { EVERY_PATH } from '../support/every-path.js';
import { createPerson } from '../support/people.js';
import { type Answer, html, json, postForm, send } from '../support/raw-http.js';
import { startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const EVIL = 'evil.example.com';
/** What somebody in between or in a browser may send beside the right Host. */
const forged = {
  'x-forwarded-host': EVIL,
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '444',
  'x-forwarded-server': EVIL,
  'x-forwarded-prefix': `//${EVIL}`,
  forwarded: `host=${EVIL};proto=https`,
  'x-original-host': EVIL,
  'x-host': EVIL,
  'x-original-url': `//${EVIL}/`,
  'x-rewrite-url': `//${EVIL}/`,
};

let direct: TestServer;
let proxied: TestServer;
beforeAll(async () => {
  [direct, proxied] = await Promise.all([startDeclaredServer(), startDeclaredServer({ env: { TRUST_PROXY: 'loopback' } })]);
});
afterAll(async () => {
  await Promise.all([direct?.close(), proxied?.close()]);
});

const hostOf = (server: TestServer) => new URL(server.url).host;
const everythingOf = (answer: Answer) => JSON.stringify(answer.headers) + answer.body;
async function pathsOf(server: TestServer): Promise<string[]> {
  const { paths } = JSON.parse((await send(server, { path: '/openapi.json' })).body) as { paths: Record<string, object> };
  return [...new Set([...EVERY_PATH, '/openapi.json', '/docs', '/.well-known/oauth-protected-resource/api', ...Object.keys(paths)])].map(
    (each) => each.replace(/\{\w+\}/g, 'x'),
  );
}

/** Every route, as a person, a program, a form and a JSON client ask for it. */
async function eachAnswer(
  server: TestServer,
  headers: Record<string, string>,
  look: (answer: Answer, label: string) => void,
): Promise<number> {
  let count = 0;
  const asks: { method: string; headers: Record<string, string>; body?: string }[] = [
    { method: 'GET', headers: html },
    { method: 'GET', headers: json },
    { method: 'POST', headers: { ...html, 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=b' },
    { method: 'POST', headers: { ...json, 'content-type': 'application/json' }, body: '{}' },
    { method: 'OPTIONS', headers: { origin: 'https://spa.example.com', 'access-control-request-method': 'POST' } },
  ];
  for (const at of await pathsOf(server)) {
    for (const { method, body, ...ask } of asks) {
      const answer = await send(server, {
        method,
        path: at,
        headers: { ...ask.headers, ...headers },
        ...(body === undefined ? {} : { body }),
      });
      look(answer, `${method} ${at}`);
      count += 1;
    }
  }
  return count;
}

describe('a forged host shows in no answer of any route', () => {
  test('as the Host of the request: nothing is answered but where the server is', async () => {
    const count = await eachAnswer(direct, { host: EVIL }, (answer, label) => {
      expect(everythingOf(answer), label).not.toContain(EVIL);
      if (/ \/(livez|readyz|health)$/.test(label)) return;
      expect([302, 421], label).toContain(answer.status);
      if (answer.headers.location) expect(answer.headers.location, label).toMatch(new RegExp(`^${direct.url}/`));
    });
    expect(count).toBeGreaterThan(300);
  });

  test('in headers of proxies that are none', async () => {
    await eachAnswer(direct, forged, (answer, label) => {
      expect(everythingOf(answer), label).not.toContain(EVIL);
      expect(everythingOf(answer), label).not.toMatch(/https:\/\/localhost|:444/);
    });
  });

  test('before what a trusted proxy wrote, and in headers that it passed on', async () => {
    const passedOn = { ...forged, 'x-forwarded-host': `${EVIL}, ${hostOf(proxied)}`, 'x-forwarded-proto': 'https, http' };
    await eachAnswer(proxied, passedOn, (answer, label) => {
      expect(answer.status, label).not.toBe(421);
      expect(everythingOf(answer), label).not.toContain(EVIL);
    });
  });

  test('also where the proxy itself says it: such a request is not answered', async () => {
    for (const at of ['/', '/.well-known/openid-configuration', '/auth/me']) {
      const answer = await send(proxied, { path: at, headers: { ...json, 'x-forwarded-host': EVIL } });
      expect([302, 421]).toContain(answer.status);
      expect(everythingOf(answer)).not.toContain(EVIL);
    }
    expect((await postForm(proxied, '/token', { grant_type: 'client_credentials' }, { 'x-forwarded-host': EVIL })).status).toBe(421);
  });
});

describe('addresses that we make', () => {
  test('are the issuer’s: in metadata, redirects, device and registration answers, challenges', async () => {
    const { port } = new URL(direct.url);
    const metadata = JSON.parse((await send(direct, { path: '/.well-known/openid-configuration', headers: forged })).body) as Record<
      string,
      unknown
    >;
    const addresses = Object.entries(metadata).filter(([name]) => name === 'issuer' || /(_endpoint|_uri)$/.test(name));
    expect(addresses.length).toBeGreaterThan(8);
    for (const [name, value] of addresses) expect(String(value), name).toMatch(new RegExp(`^${direct.url}(/|$)`));
    const resource = await send(direct, { path: '/.well-known/oauth-protected-resource/api', headers: forged });
    expect(JSON.parse(resource.body)).toMatchObject({ resource: `${direct.url}/api`, authorization_servers: [direct.url] });
    expect((await send(direct, { path: '/auth/me', headers: { ...json, ...forged } })).headers['www-authenticate']).toContain(
      `"${direct.url}/`,
    );
    expect(JSON.parse((await send(direct, { path: '/openapi.json', headers: forged })).body).servers).toEqual([{ url: direct.url }]);
    const query = new URLSearchParams({
      client_id: 'spa',
      response_type: 'code',
      redirect_uri: 'https://spa.example.com/',
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    const begun = await send(direct, { path: `/authorize?${query}`, headers: { ...html, ...forged } });
    expect(new URL(String(begun.headers.location), direct.url).host).toBe(`localhost:${port}`);
    const failed = await send(direct, { path: `/authorize?${query}&prompt=none`, headers: { ...html, ...forged } });
    expect(new URL(String(failed.headers.location)).searchParams.get('iss')).toBe(direct.url);
    const device = await postForm(direct, '/device/auth', { client_id: 'television', scope: 'openid', resource: API }, forged);
    expect(JSON.parse(device.body)).toMatchObject({ verification_uri: `${direct.url}/device` });
    const registration = await send(direct, {
      method: 'POST',
      path: '/connect/register',
      headers: { ...forged, 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['https://app.example.com/cb'] }),
    });
    expect(JSON.parse(registration.body).registration_client_uri).toMatch(new RegExp(`^${direct.url}/`));
  });

  test('are the issuer’s in mails, whoever asks for them', async () => {
    const { email } = await createPerson(direct);
    const call = (at: string, body: object) =>
      send(direct, { method: 'POST', path: at, headers: { ...forged, 'content-type': 'application/json' }, body: JSON.stringify(body) });
    expect((await call('/auth/register', { email: 'new@example.com', password: 'correct horse battery staple 42' })).status).toBe(201);
    expect((await call('/auth/password-reset/request', { email })).status).toBe(200);
    expect((await call('/auth/login', { email, password: 'correct horse battery staple 42' })).status).toBe(200);
    await direct.services.mailer.flush();
    const folder = path.join(direct.config.dataDir, 'mailbox');
    const mails = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
    expect(mails.length).toBeGreaterThanOrEqual(2);
    for (const mail of mails) {
      expect(mail).not.toContain(EVIL);
      for (const [link] of mail.matchAll(/https?:\/\/[^\s"\\<>]+/g)) expect(link.startsWith(direct.url), link).toBe(true);
    }
  });
});
