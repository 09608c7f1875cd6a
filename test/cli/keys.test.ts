import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { besideServer, type CommandLine, openInstallation } from '../support/command-line.js';
import { API } from '../support/declarations.js';
import { createRelyingParty, locationOf, obtainTokens, refusalOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const kids = (keys: { kid: string; state: string }[], state: string) => keys.filter((key) => key.state === state).map(({ kid }) => kid);

describe('signing keys from the command line', () => {
  let latchkey: CommandLine;
  beforeAll(async () => {
    latchkey = await openInstallation();
  });
  afterAll(() => latchkey?.close());

  it('are listed with their states and what comes next for each, and nothing private', async () => {
    const { keys } = await latchkey.json(['keys', 'list']);
    expect(keys.map(({ state }: { state: string }) => state).sort()).toEqual(['active', 'active', 'next', 'next']);
    for (const key of keys) expect(Object.keys(key)).not.toEqual(expect.arrayContaining(['d']));
    const { stdout } = await latchkey.run(['keys', 'list']);
    expect(stdout).toMatch(/RS256 +active +\S+ \S+ UTC +signs until/);
    expect(stdout).toMatch(/RS256 +next +\S+ \S+ UTC +may sign from/);
  });

  it('are not rotated before applications can know the next one, unless that is forced and confirmed', async () => {
    const early = await latchkey.run(['keys', 'rotate', '--json']);
    expect(early).toMatchObject({ code: 1, stdout: '' });
    expect(early.stderr).toMatch(/^Error: The next key \S+ has been published since .*It can sign from/);
    const unconfirmed = await latchkey.run(['keys', 'rotate', '--force']);
    expect(unconfirmed).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('Add --yes') });
    const { keys: before } = await latchkey.json(['keys', 'list']);
    const { keys, steps } = await latchkey.json(['keys', 'rotate', '--force', '--yes']);
    expect(kids(keys, 'active')).toEqual(kids(before, 'next'));
    expect(kids(keys, 'retired')).toEqual(kids(before, 'active'));
    expect(steps.map(({ action }: { action: string }) => action)).toContain('promote');
  });

  it('are rehearsed without any change: nothing would fail on the plan, and a forced rotation now would fail and exits with 1', async () => {
    const before = await latchkey.json(['keys', 'list']);
    const rehearsal = await latchkey.json(['keys', 'rehearse', '--days', '100']);
    expect(rehearsal).toMatchObject({ wouldFail: [], liveTokens: { failing: 0 } });
    expect(rehearsal.steps.length).toBeGreaterThan(3);
    const forced = await latchkey.run(['keys', 'rehearse', '--rotate-now', '--json']);
    expect(forced).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(forced.stdout).wouldFail).toContainEqual(expect.objectContaining({ reason: 'signs_before_caches_know' }));
    const told = await latchkey.run(['keys', 'rehearse', '--rotate-now']);
    expect(told.code).toBe(1);
    expect(told.stdout).toContain('These would stop verifying:');
    expect((await latchkey.json(['keys', 'list'])).keys.map(({ kid, state }: { kid: string; state: string }) => [kid, state])).toEqual(
      before.keys.map(({ kid, state }: { kid: string; state: string }) => [kid, state]),
    );
  });
});

describe('beside a running server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startDeclaredServer();
  });
  afterAll(() => server?.close());

  it('a rehearsal looks at every living sign-in: none fails, until the key that signed it is gone', async () => {
    const latchkey = besideServer(server.config);
    const { signingKeys, db } = server.services;
    const shop = await createRelyingParty(server, 'shop');
    for (let person = 0; person < 3; person++) await obtainTokens(server, shop);
    expect(await latchkey.json(['keys', 'rehearse'])).toMatchObject({ wouldFail: [], liveTokens: { checked: 3, failing: 0 } });
    const [signer] = signingKeys.current().active;
    await latchkey.json(['keys', 'rotate', '--force', '--yes']);
    await db.client.signingKey.delete({ where: { kid: signer?.kid ?? '' } });
    // What the server signs from here on is signed by a key that is there.
    await server.services.changes.poll();
    const { code, stdout } = await latchkey.run(['keys', 'rehearse', '--json']);
    expect(code).toBe(1);
    const { wouldFail, liveTokens } = JSON.parse(stdout);
    expect(liveTokens).toEqual({ checked: 3, failing: 3 });
    expect(wouldFail.filter(({ kind, reason }: Record<string, string>) => kind === 'sign_in' && reason === 'no_such_key')).toHaveLength(3);
    const told = await latchkey.run(['keys', 'rehearse']);
    expect(told.stdout).toContain('Live sign-ins looked at: 3; would stop verifying: 3.');
  });

  it('in an emergency every key is gone at once: what they signed verifies nowhere, sign-ins go on, and it says what ended', async () => {
    const latchkey = besideServer(server.config);
    const shop = await createRelyingParty(server, 'shop');
    const parameters = { resource: API, scope: 'openid orders:read' };
    const { tokens } = await obtainTokens(server, shop, { parameters, tokenParameters: { resource: parameters.resource } });
    const introspect = async (token: string) => (await oidc.tokenIntrospection(shop.config, token)).active;
    expect(await introspect(tokens.access_token)).toBe(true);
    const { keys: before } = await latchkey.json(['keys', 'list']);
    expect(await latchkey.run(['keys', 'rotate', '--emergency'])).toMatchObject({ code: 1, stderr: expect.stringContaining('Add --yes') });
    expect(await latchkey.run(['keys', 'rotate', '--end-sign-ins'])).toMatchObject({ code: 2 });
    const { revoked, living, ended, keys } = await latchkey.json(['keys', 'rotate', '--emergency', '--yes']);
    expect(revoked.map(({ kid }: { kid: string }) => kid).sort()).toEqual(before.map(({ kid }: { kid: string }) => kid).sort());
    expect(living.grants).toBeGreaterThan(0);
    expect(ended).toBeNull();
    expect(keys.map(({ state }: { state: string }) => state).sort()).toEqual(['active', 'active', 'next', 'next']);
    const published = async () => {
      const { keys: jwks } = (await (await fetch(`${server.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] };
      return jwks.map(({ kid }) => kid).sort();
    };
    await expect.poll(published, { timeout: 2000, interval: 50 }).toEqual(keys.map(({ kid }: { kid: string }) => kid).sort());
    expect(await introspect(tokens.access_token)).toBe(false);
    const renewed = await oidc.refreshTokenGrant(shop.config, tokens.refresh_token ?? '', { resource: parameters.resource });
    expect(await introspect(renewed.access_token)).toBe(true);
    const [event] = await server.services.db.client.auditEvent.findMany({ where: { type: 'signing_key.revoked' } });
    expect(event?.detail).toContain('"kid"');
  });

  it('with --key only that key goes and its successor signs; with --end-sign-ins nobody stays signed in', async () => {
    const latchkey = besideServer(server.config);
    const shop = await createRelyingParty(server, 'shop');
    const { tokens, browser } = await obtainTokens(server, shop);
    const { keys: before } = await latchkey.json(['keys', 'list']);
    const [active] = kids(before, 'active');
    expect(await latchkey.run(['keys', 'rotate', '--emergency', '--yes', '--key', 'none'])).toMatchObject({ code: 1, stdout: '' });
    const { revoked, ended, keys } = await latchkey.json([
      'keys',
      'rotate',
      '--emergency',
      '--yes',
      '--key',
      active ?? '',
      '--end-sign-ins',
    ]);
    expect(revoked).toEqual([expect.objectContaining({ kid: active })]);
    expect(kids(keys, 'active').every((kid) => kids(before, 'next').includes(kid) || kids(before, 'active').includes(kid))).toBe(true);
    expect(ended).toMatchObject({ sessions: expect.any(Number), grants: expect.any(Number) });
    expect(ended.grants).toBeGreaterThan(0);
    expect(await refusalOf(oidc.refreshTokenGrant(shop.config, tokens.refresh_token ?? ''))).toMatchObject({ error: 'invalid_grant' });
    const { url } = await shop.begin({ prompt: 'none' });
    expect(locationOf(await browser.open(url.href)).searchParams.get('error')).toBe('login_required');
  });

  it('two emergency rotations at the same moment leave one set of keys', async () => {
    const { signingKeys } = server.services;
    await Promise.all([signingKeys.revoke(), signingKeys.revoke(), signingKeys.revoke()]);
    const states = (await signingKeys.list()).map(({ state }) => state).sort();
    expect(states).toEqual(['active', 'active', 'next', 'next']);
  });

  it('a rotation is in the JWKS within a second', async () => {
    const { keys } = await besideServer(server.config).json(['keys', 'rotate', '--force', '--yes']);
    const published = async () => {
      const { keys: jwks } = (await (await fetch(`${server.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] };
      return jwks[0]?.kid;
    };
    await expect.poll(published, { timeout: 1500, interval: 100 }).toBe(kids(keys, 'active')[0]);
  });
});
