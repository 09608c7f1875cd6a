/** OpenID Connect Back-Channel Logout 1.0, and that nobody waits for an application that does not answer. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { databases } from '../support/database.js';
import { createRelyingParty, obtainTokens, type RelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

/** An application that hears of sign-outs. `status` 0: it takes the request and does not answer until it breaks off. */
async function openListener(): Promise<{
  url: string;
  heard: string[];
  /** the traceparent of each request */
  traces: (string | undefined)[];
  answer: { status: number };
  breakOff(): void;
  close(): void;
}> {
  const heard: string[] = [];
  const traces: (string | undefined)[] = [];
  const answer = { status: 200 };
  const server: Server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    heard.push(new URLSearchParams(body).get('logout_token') ?? '');
    traces.push(request.headers.traceparent?.toString());
    if (answer.status !== 0) response.writeHead(answer.status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/signed-out`,
    heard,
    traces,
    answer,
    breakOff: () => server.closeAllConnections(),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe.each(databases)('back-channel logout on %s', (provider) => {
  let server: TestServer;
  let shop: RelyingParty;
  let till: RelyingParty;
  let listener: Awaited<ReturnType<typeof openListener>>;
  beforeAll(async () => {
    [server, listener] = await Promise.all([startDeclaredServer({ provider }), openListener()]);
    await server.services.clients.update('shop', { backchannel_logout_uri: listener.url, backchannel_logout_session_required: true });
    [shop, till] = await Promise.all([createRelyingParty(server, 'shop'), createRelyingParty(server, 'till')]);
  });
  afterEach(async () => {
    vi.useRealTimers();
    listener.heard.length = 0;
    listener.traces.length = 0;
    listener.answer.status = 200;
    await server.services.db.client.outboxMessage.deleteMany({});
  });
  afterAll(async () => {
    await server?.close();
    listener?.close();
  });

  const told = (count = 1) => expect.poll(() => listener.heard.length, { timeout: 20_000 }).toBe(count);
  const verify = (token: string) =>
    jwtVerify(token, createRemoteJWKSet(new URL('/.well-known/jwks.json', server.url)), {
      issuer: server.url,
      audience: 'shop',
      typ: 'logout+jwt',
      currentDate: new Date(),
    });
  const signOut = async (browser: Browserless) => {
    const page = await browser.open(`${server.url}/logout`);
    return { page, done: await browser.submit(page, '/logout/confirm', { logout: 'yes' }) };
  };

  test('tells the application with a logout token that it can verify, and the sign-out page names who will hear', async () => {
    const { browser, accountId, tokens } = await obtainTokens(server, shop);
    const { page } = await signOut(browser);
    expect(page.body).toContain('These applications are told');
    expect(page.body).toMatch(/<li><bdi>[^<]+<\/bdi><\/li>/);
    await told();
    const { payload } = await verify(listener.heard[0] ?? '');
    expect(payload).toMatchObject({
      sub: accountId,
      sid: tokens.claims()?.sid,
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
    });
    expect(payload.jti).toEqual(expect.any(String));
    expect(payload.exp).toBeLessThanOrEqual((payload.iat ?? 0) + 120);
    expect(payload).not.toHaveProperty('nonce');
    await expect.poll(() => server.services.db.client.outboxMessage.count(), { timeout: 20_000 }).toBe(0);
  });

  test('tells it whatever ended the session: its owner on the account page, everything of the account, an operator', async () => {
    const endings: ((signedIn: { browser: Browserless; accountId: string }) => Promise<unknown>)[] = [
      async ({ accountId }) => server.services.sessions.end((await server.services.sessions.list(accountId))[0]?.uid ?? ''),
      ({ accountId }) => server.services.sessions.endAll(accountId),
      ({ accountId }) => server.services.identity.accounts.disable(accountId),
      ({ accountId }) => server.services.identity.accounts.delete(accountId),
    ];
    for (const [index, end] of endings.entries()) {
      const signedIn = await obtainTokens(server, shop);
      await end(signedIn);
      await told(index + 1);
      expect((await verify(listener.heard[index] ?? '')).payload.sub).toBe(signedIn.accountId);
    }
  });

  test('tells each of two who sign out at the same moment in the trace of that very request (W3C Trace Context), and an operator in none', async () => {
    const span = '00f067aa0ba902b7';
    const people = await Promise.all(
      ['4bf92f3577b34da6a3ce929d0e0e4736', '0af7651916cd43dd8448eb211c80319c'].map(async (trace) => {
        const browser = new Browserless({ traceparent: `00-${trace}-${span}-01` });
        return { trace, ...(await obtainTokens(server, shop, { browser })) };
      }),
    );
    await Promise.all(people.map(({ browser }) => signOut(browser)));
    await told(2);
    for (const { trace, accountId } of people) {
      const heard = listener.traces[listener.heard.findIndex((token) => decodeJwt(token).sub === accountId)] ?? '';
      expect(heard).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
      expect(heard).not.toContain(span);
    }
    const { accountId } = await obtainTokens(server, shop);
    await server.services.sessions.endAll(accountId);
    await told(3);
    expect(listener.traces[2]).toBeUndefined();
  });

  test('tells nobody else: not who did not ask to hear, not for a sign-in that goes on', async () => {
    const { browser, accountId } = await obtainTokens(server, till);
    expect((await signOut(browser)).page.body).not.toContain('These applications are told');
    const stays = await obtainTokens(server, shop);
    const [session] = await server.services.sessions.list(stays.accountId);
    await server.services.sessions.endAll(stays.accountId, { exceptSessionUid: session?.uid });
    expect(accountId).not.toBe(stays.accountId);
    expect(await server.services.db.client.outboxMessage.count()).toBe(0);
    expect(listener.heard).toEqual([]);
  });

  test('keeps nobody waiting for an application that does not answer, and tells it again later, with the same jti', async () => {
    listener.answer.status = 0;
    const { browser } = await obtainTokens(server, shop);
    // The answer comes although the application has not heard, or never will.
    const { done } = await signOut(browser);
    expect(done.status).toBe(200);
    await told();
    const [waiting] = await server.services.db.client.outboxMessage.findMany();
    expect(waiting).toMatchObject({ topic: 'backchannel_logout', recipient: 'shop', attempts: 1 });
    listener.breakOff();
    await expect.poll(async () => (await server.services.db.client.outboxMessage.findFirst())?.lastError, { timeout: 20_000 }).toBeTruthy();
    listener.answer.status = 204;
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 });
    await server.services.outbox.run();
    await told(2);
    const [first, second] = listener.heard.map((token) => decodeJwt(token));
    expect(second?.jti).toBe(first?.jti);
    expect(await server.services.db.client.outboxMessage.count()).toBe(0);
  });

  test('drops the message where the application is gone or wants to hear no more', async () => {
    listener.answer.status = 500;
    const { accountId } = await obtainTokens(server, shop);
    await server.services.sessions.endAll(accountId);
    await told();
    await server.services.clients.update('shop', { backchannel_logout_uri: null });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 120_000 });
    await server.services.outbox.idle();
    await server.services.outbox.run();
    expect(await server.services.db.client.outboxMessage.count()).toBe(0);
    expect(listener.heard).toHaveLength(1);
    await server.services.clients.update('shop', { backchannel_logout_uri: listener.url });
  });

  test('is discovered, and an application library finds it', () => {
    expect(shop.config.serverMetadata()).toMatchObject({ backchannel_logout_supported: true, backchannel_logout_session_supported: true });
    expect(oidc.buildEndSessionUrl(shop.config).pathname).toBe('/logout');
  });
});
