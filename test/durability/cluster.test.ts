import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { createApplication, REDIRECT_URI } from '../support/application.js';
import { type Balancer, startBalancer } from '../support/balancer.js';
import { Browserless } from '../support/browserless.js';
import { ensureBuilt } from '../support/built.js';
import { besideServer, type CommandLine } from '../support/command-line.js';
import { createDatabaseUrl } from '../support/database.js';
import { PASSWORD } from '../support/people.js';
import { freePort } from '../support/ports.js';
import { childEnvironment, type ServerChild, startServerChild } from '../support/server-child.js';
import { roundsOf } from './installation.js';

/** What processes may differ for, at most. */
const AGREE_MS = 2_000;

/** Two server processes over one PostgreSQL, behind one address, and the command line beside them. */
let database: Awaited<ReturnType<typeof createDatabaseUrl>>;
let balancer: Balancer;
let folder: string;
let ports: number[];
let processes: ServerChild[];
let latchkey: CommandLine;
let environment: Record<string, string>;

const startProcess = (index: number) => startServerChild({ ...environment, PORT: String(ports[index]), SHUTDOWN_DELAY_SECONDS: '1' });

beforeAll(async () => {
  await ensureBuilt();
  folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-cluster-'));
  database = await createDatabaseUrl('postgresql', 'server');
  ports = [await freePort(), await freePort()];
  balancer = await startBalancer(ports);
  environment = { DATABASE_URL: database.url, DATA_DIR: folder, HOST: '127.0.0.1', ISSUER_URL: balancer.url };
  latchkey = besideServer(loadConfig({ ...childEnvironment, ...environment, LOG_LEVEL: 'silent' }, { root: folder }));
  processes = await Promise.all([startProcess(0), startProcess(1)]);
  await Promise.all([balancer.seen(0, true), balancer.seen(1, true)]);
});
afterAll(async () => {
  await Promise.all((processes ?? []).map((child) => child.kill()));
  await balancer?.close();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

type Client = { client_id: string; client_secret: string };
const createClient = (...options: string[]): Promise<Client> => latchkey.json(['client', 'create', '--client-name', 'App', ...options]);
const createService = () => createClient('--profile', 'service');
const createApp = () =>
  createClient('--redirect-uri', REDIRECT_URI, '--first-party', '--grant-type', 'authorization_code', '--grant-type', 'refresh_token');
let people = 0;
async function createUser(): Promise<string> {
  const email = `person${++people}@example.com`;
  await latchkey.json(['user', 'create', '--email', email, '--verified', '--password-stdin'], { input: PASSWORD });
  return email;
}

/** A request on a connection of its own, so that it goes where the balancer sends it now. */
async function call(method: string, route: string, { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {}) {
  const response = await fetch(`${balancer.url}${route}`, {
    method,
    redirect: 'manual',
    headers: { connection: 'close', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown> };
}
async function tokenStatus({ client_id, client_secret }: Client): Promise<number> {
  const response = await fetch(`${balancer.url}/token`, {
    method: 'POST',
    headers: { connection: 'close', authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  await response.text();
  return response.status;
}
const signIn = (email: string, password = PASSWORD) => call('POST', '/auth/login', { body: { email, password } });
const bearer = (token: unknown) => ({ headers: { authorization: `Bearer ${token}` } });

describe('two processes over one PostgreSQL', () => {
  const lags: Record<string, number> = {};
  afterAll(() => console.log(`milliseconds from a change until each process goes by it: ${JSON.stringify(lags)}`));

  /**
   * Asks each process until it goes by a change that has just been made. A request that began later than AGREE_MS after the change must go by it,
   * however slow the machine is.
   */
  async function agree(what: string, agrees: () => Promise<boolean>): Promise<void> {
    const changed = performance.now();
    for (const target of [1, 0]) {
      balancer.pin(target);
      for (;;) {
        const begun = performance.now() - changed;
        const agreed = await agrees();
        if (agreed) lags[what] = Math.max(lags[what] ?? 0, Math.round(begun));
        if (agreed) break;
        expect(begun, `${what}, process ${target}`).toBeLessThanOrEqual(AGREE_MS);
        await delay(20);
      }
    }
    balancer.pin(undefined);
  }
  /** Has both processes hold in memory what is about to change. */
  async function warm(what: () => Promise<unknown>): Promise<void> {
    for (const target of [0, 1]) {
      balancer.pin(target);
      await what();
    }
  }

  it('agree on a client that is changed, given another secret, and deleted', async () => {
    const app = await createApp();
    const authorize = async () =>
      (
        await call(
          'GET',
          `/authorize?${new URLSearchParams({ client_id: app.client_id, redirect_uri: REDIRECT_URI, response_type: 'code', scope: 'openid', code_challenge: 'a'.repeat(43), code_challenge_method: 'S256' })}`,
        )
      ).status;
    await warm(async () => expect(await authorize()).toBe(303));
    await latchkey.json(['client', 'update', app.client_id, '--redirect-uri', 'https://other.example/callback']);
    await agree('client changed', async () => (await authorize()) === 400);

    const service = await createService();
    await warm(async () => expect(await tokenStatus(service)).toBe(200));
    const rotated: Client = await latchkey.json(['client', 'rotate-secret', service.client_id, '--grace-seconds', '0']);
    await agree('secret rotated', async () => (await tokenStatus(rotated)) === 200 && (await tokenStatus(service)) === 401);
    await latchkey.json(['client', 'delete', service.client_id, '--yes']);
    await agree('client deleted', async () => (await tokenStatus(rotated)) === 401);
  });

  it('agree on the key that signs', async () => {
    const email = await createUser();
    const kid = async () => decodeProtectedHeader(String((await signIn(email)).body.access_token)).kid;
    await warm(kid);
    const before = await kid();
    await latchkey.json(['keys', 'rotate', '--force', '--yes']);
    await agree('key rotated', async () => (await kid()) !== before);
    balancer.pin(0);
    const after = await kid();
    balancer.pin(1);
    expect(await kid()).toBe(after);
  });

  it('agree on sign-ins that end, accounts that are disabled, roles, and API keys', async () => {
    const email = await createUser();
    const { access_token: token } = (await signIn(email)).body;
    await warm(async () => expect((await call('GET', '/auth/me', bearer(token))).status).toBe(200));
    await latchkey.json(['sessions', 'revoke', '--account', email]);
    await agree('sign-in revoked', async () => (await call('GET', '/auth/me', bearer(token))).status === 401);

    const { access_token: second } = (await signIn(email)).body;
    await warm(async () => expect((await call('GET', '/api/users', bearer(second))).status).toBe(403));
    await latchkey.json(['role', 'grant', email, 'manager']);
    await agree('role granted', async () => (await call('GET', '/api/users', bearer(second))).status === 200);
    await latchkey.json(['role', 'revoke', email, 'manager']);
    await agree('role revoked', async () => (await call('GET', '/api/users', bearer(second))).status === 403);

    const made = await call('POST', '/auth/api-keys', { body: { name: 'Program', permissions: ['profile:read'] }, ...bearer(second) });
    const key = { headers: { 'x-api-key': String(made.body.key) } };
    await warm(async () => expect((await call('GET', '/auth/me', key)).status).toBe(200));
    balancer.pin(0);
    const { id } = made.body.api_key as { id: string };
    expect((await call('DELETE', `/auth/api-keys/${id}`, bearer(second))).status).toBe(204);
    await agree('API key revoked', async () => (await call('GET', '/auth/me', key)).status === 401);

    await latchkey.json(['user', 'disable', email]);
    await agree('account disabled', async () => (await signIn(email)).status === 403);
  });

  it('agree on the session of a browser that is signed out everywhere', async () => {
    const email = await createUser();
    const app = await createApp();
    const browser = new Browserless({ connection: 'close' });
    const url = `${balancer.url}/authorize?${new URLSearchParams({ client_id: app.client_id, redirect_uri: REDIRECT_URI, response_type: 'code', scope: 'openid', code_challenge: 'a'.repeat(43), code_challenge_method: 'S256' })}`;
    await browser.submit(await browser.open(url), '/login', { identifier: email, password: PASSWORD });
    const isSignedIn = async () => (await browser.open(url)).headers.get('location')?.startsWith(REDIRECT_URI) ?? false;
    await warm(async () => expect(await isSignedIn()).toBe(true));
    await latchkey.json(['sessions', 'revoke', '--account', email]);
    await agree('session revoked', async () => !(await isSignedIn()));
  });

  it('agree on limits: failures at one lock the account at the other', async () => {
    const email = await createUser();
    balancer.pin(0);
    for (let failure = 0; failure < 5; failure++) await signIn(email, 'not the password');
    await agree('account locked', async () => (await signIn(email)).body.code === 'login.locked');
  });
});

describe('a rolling restart under load', () => {
  it('loses no request and gives no other answer than without it', async () => {
    const [service, app, email] = [await createService(), await createApp(), await createUser()];
    const shop = createApplication({ url: balancer.url, dataDir: folder, client: { id: app.client_id, secret: app.client_secret } });
    const authorization = `Basic ${Buffer.from(`${service.client_id}:${service.client_secret}`).toString('base64')}`;
    const post = async (route: string, form: Record<string, string>) => {
      const response = await fetch(`${balancer.url}${route}`, {
        method: 'POST',
        headers: { authorization },
        body: new URLSearchParams(form),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    await latchkey.json(['user', 'create', '--email', 'ann@example.com', '--verified', '--password-stdin'], { input: PASSWORD });
    const answers: Record<string, number> = {};
    const unexpected: string[] = [];
    let over = false;
    const keepGoing = async (name: string, operation: () => Promise<boolean>) => {
      while (!over) {
        try {
          if (await operation()) answers[name] = (answers[name] ?? 0) + 1;
          else unexpected.push(`${name}: another answer`);
        } catch (error) {
          unexpected.push(`${name}: ${(error as { cause?: Error }).cause?.message ?? error}`);
        }
      }
    };
    const browser = await shop.signIn();
    const work = [
      keepGoing('token and introspection', async () => {
        const { status, body } = await post('/token', { grant_type: 'client_credentials' });
        const told = await post('/introspect', { token: String(body.access_token) });
        return status === 200 && told.status === 200 && told.body.active === true;
      }),
      keepGoing('discovery', async () => {
        const response = await fetch(`${balancer.url}/.well-known/openid-configuration`);
        return ((await response.json()) as { issuer: string }).issuer === balancer.url && response.status === 200;
      }),
      keepGoing('sign-in over the API', async () => (await signIn(email)).status === 200),
      keepGoing('code and refresh', async () => {
        const { issued } = await shop.authorize(browser);
        const { refreshToken } = issued ? await shop.redeem(issued) : { refreshToken: undefined };
        return refreshToken !== undefined && (await shop.refresh(refreshToken)).status === 200;
      }),
      keepGoing('sign-in on the pages', async () => (await (await shop.authorize(await shop.signIn())).status) === 303),
    ];
    const stopsMs: number[] = [];
    for (let round = 0; round < Math.min(roundsOf(3), 3); round++) {
      for (const target of [0, 1]) {
        await delay(500);
        const told = performance.now();
        await processes[target]?.kill('SIGTERM');
        stopsMs.push(Math.round(performance.now() - told));
        expect(processes[target]?.ended()).toEqual({ code: 0, signal: null });
        processes[target] = await startProcess(target);
        await balancer.seen(target, true);
      }
    }
    over = true;
    await Promise.all(work);
    console.log(
      `restarts ${stopsMs.length}, stops took ${stopsMs.join(', ')} ms; answered ${JSON.stringify(answers)}; lost or unexpected ${unexpected.length}`,
    );
    expect(unexpected).toEqual([]);
    for (const name of ['token and introspection', 'discovery', 'sign-in over the API', 'code and refresh', 'sign-in on the pages'])
      expect(answers[name], name).toBeGreaterThan(0);
  });
});
