import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCertificate, type TestCertificate } from '../support/certificates.js';
import { databases } from '../support/database.js';
import { API, clients } from '../support/declarations.js';
import { createRelyingParty, obtainTokens, type RelyingParty, refusalOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';
import { times } from '../support/storage.js';

const HEADERS = { CLIENT_CERTIFICATE_HEADER: 'X-SSL-Client-Cert', CLIENT_CERTIFICATE_VERIFIED_HEADER: 'X-SSL-Client-Verify' };
const mine = createCertificate({ names: [{ kind: 'dns', value: 'bank.example.com' }] });
const renewed = createCertificate({ names: [{ kind: 'dns', value: 'bank.example.com' }] });
const theirs = createCertificate({ names: [{ kind: 'dns', value: 'thief.example.com' }] });

const { client_secret: _none, ...withoutSecret } = clients.shop;
const bank = {
  ...withoutSecret,
  client_id: 'bank',
  token_endpoint_auth_method: 'tls_client_auth',
  tls_client_auth_san_dns: 'bank.example.com',
  tls_client_certificate_bound_access_tokens: true,
};
const pinned = {
  ...withoutSecret,
  client_id: 'pinned',
  token_endpoint_auth_method: 'self_signed_tls_client_auth',
  jwks: { keys: [mine.jwk] },
};
const app = { ...clients.spa, client_id: 'bound-app', profile: 'default', tls_client_certificate_bound_access_tokens: true };

const asNginx = ({ header }: TestCertificate, verified = 'SUCCESS') => ({ 'x-ssl-client-cert': header, 'x-ssl-client-verify': verified });
const invalidGrant = { status: 400, error: 'invalid_grant' };

/** A relying party whose requests come with a certificate, as a proxy passes it on. */
async function partyWith(
  server: TestServer,
  client: typeof bank | typeof app | typeof pinned,
  certificate: TestCertificate | undefined,
): Promise<RelyingParty> {
  const method = client.token_endpoint_auth_method === 'none' ? oidc.None() : oidc.TlsClientAuth();
  const party = await createRelyingParty(server, client, method);
  party.config[oidc.customFetch] = (url, init) =>
    fetch(url, { ...init, headers: { ...init.headers, ...(certificate ? asNginx(certificate) : {}) } } as RequestInit);
  return party;
}

// RFC 8705.
describe.each(databases)('behind a proxy that passes certificates on, on %s', (provider) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider, env: { ...HEADERS, TRUST_PROXY: 'loopback' } });
    for (const client of [bank, pinned, app]) await server.services.clients.create(client, { source: 'operator' });
  });
  afterAll(() => server?.close());

  const askAs = async (clientId: string, headers: Record<string, string>) => {
    const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token: 'unknown' });
    const response = await fetch(`${server.url}/token`, { method: 'POST', body, headers });
    return { status: response.status, error: ((await response.json()) as { error: string }).error };
  };
  const userinfo = async (token: string, headers: Record<string, string> = {}) =>
    (await fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${token}`, ...headers } })).status;

  it('a client signs people in by its certificate, with openid-client, and its tokens are bound to it', async () => {
    const party = await partyWith(server, bank, mine);
    const { tokens, accountId } = await obtainTokens(server, party);
    expect((await oidc.fetchUserInfo(party.config, tokens.access_token, accountId)).sub).toBe(accountId);
    const introspected = await oidc.tokenIntrospection(party.config, tokens.access_token);
    expect(introspected).toMatchObject({ active: true, cnf: { 'x5t#S256': mine.thumbprint } });
    expect(await userinfo(tokens.access_token)).toBe(401);
    expect(await userinfo(tokens.access_token, asNginx(theirs))).toBe(401);
    expect(await userinfo(tokens.access_token, { 'x-ssl-client-cert': mine.bytes })).toBe(200);
  });

  it('a JWT names the certificate, in itself and when it is introspected', async () => {
    const party = await partyWith(server, bank, mine);
    const asked = { parameters: { scope: 'openid orders:read', resource: API }, tokenParameters: { resource: API } };
    const { tokens } = await obtainTokens(server, party, asked);
    const cnf = { 'x5t#S256': mine.thumbprint };
    expect(JSON.parse(Buffer.from(tokens.access_token.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({ cnf });
    expect(await oidc.tokenIntrospection(party.config, tokens.access_token)).toMatchObject({ active: true, token_type: 'Bearer', cnf });
  });

  it('a client is refused with no certificate, another one, a malformed one, two, or one that the proxy has not verified', async () => {
    expect(await askAs('bank', asNginx(mine))).toEqual(invalidGrant);
    const [{ header }, { header: other }] = [mine, theirs];
    const bad: Record<string, Record<string, string>> = {
      none: {},
      'another one': asNginx(theirs),
      'not verified': asNginx(mine, 'FAILED:self-signed certificate'),
      'nothing said': { 'x-ssl-client-cert': header },
      'only verified': { 'x-ssl-client-verify': 'SUCCESS' },
      'verified twice': { 'x-ssl-client-cert': header, 'x-ssl-client-verify': 'SUCCESS, SUCCESS' },
      malformed: { 'x-ssl-client-cert': '-----BEGIN%20CERTIFICATE-----%0Ax', 'x-ssl-client-verify': 'SUCCESS' },
      'a broken escape': { 'x-ssl-client-cert': '%', 'x-ssl-client-verify': 'SUCCESS' },
      two: { 'x-ssl-client-cert': `${header}, ${other}`, 'x-ssl-client-verify': 'SUCCESS' },
      'another header': { 'client-cert': mine.bytes, 'x-ssl-client-verify': 'SUCCESS' },
    };
    for (const [what, headers] of Object.entries(bad))
      expect({ what, ...(await askAs('bank', headers)) }).toEqual({ what, status: 401, error: 'invalid_client' });
  });

  it('a client is known by a certificate that it registered itself, verified or not, and by no other', async () => {
    const { tokens } = await obtainTokens(server, await partyWith(server, pinned, mine));
    expect(await oidc.tokenIntrospection((await partyWith(server, pinned, mine)).config, tokens.access_token)).toMatchObject({
      active: true,
    });
    expect(await askAs('pinned', asNginx(mine, 'FAILED:self-signed certificate'))).toEqual(invalidGrant);
    expect(await askAs('pinned', asNginx(renewed))).toEqual({ status: 401, error: 'invalid_client' });
    expect(await askAs('pinned', {})).toEqual({ status: 401, error: 'invalid_client' });
    const bare = { ...pinned, client_id: 'bare', jwks: { keys: [{ ...mine.jwk, x5c: undefined }] } };
    const registered = server.services.clients.create(JSON.parse(JSON.stringify(bare)), { source: 'operator' });
    await expect(registered).rejects.toMatchObject({ code: 'clients.invalid' });
  });

  it('a client with a secret is not known by a certificate instead, nor one with a certificate by a secret', async () => {
    expect(await askAs('shop', asNginx(mine))).toEqual({ status: 401, error: 'invalid_client' });
    const authorization = `Basic ${Buffer.from('bank:guess').toString('base64')}`;
    expect(await askAs('bank', { ...asNginx(mine), authorization })).toEqual({ status: 401, error: 'invalid_client' });
  });

  it('a public client refreshes with the certificate it signed in with only; a retry gets the same successor', async () => {
    const { tokens } = await obtainTokens(server, await partyWith(server, app, mine));
    const refresh = async (certificate: TestCertificate | undefined) =>
      oidc.refreshTokenGrant((await partyWith(server, app, certificate)).config, String(tokens.refresh_token));
    expect(await refusalOf(refresh(undefined))).toEqual(invalidGrant);
    expect(await refusalOf(refresh(theirs))).toEqual(invalidGrant);
    const all = await Promise.all(times(6, () => refresh(mine)));
    expect(new Set(all.map(({ refresh_token }) => refresh_token)).size).toBe(1);
    expect(await refusalOf(refresh(theirs))).toEqual(invalidGrant);
    expect(await refusalOf(obtainTokens(server, await partyWith(server, app, undefined)))).toEqual(invalidGrant);
  });

  it('a client may renew its certificate, but a retry comes with the one that was used', async () => {
    const party = await partyWith(server, bank, mine);
    const { tokens } = await obtainTokens(server, party);
    const used = String(tokens.refresh_token);
    const other = await partyWith(server, bank, renewed);
    const next = await oidc.refreshTokenGrant(other.config, used);
    expect(await refusalOf(oidc.refreshTokenGrant(party.config, used))).toEqual(invalidGrant);
    expect((await oidc.refreshTokenGrant(other.config, used)).refresh_token).toBe(next.refresh_token);
    expect((await oidc.refreshTokenGrant(party.config, String(next.refresh_token))).access_token).toBeTruthy();
  });

  it('says so in the metadata', async () => {
    const metadata = (await (await fetch(`${server.url}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
    expect(metadata.tls_client_certificate_bound_access_tokens).toBe(true);
    expect(metadata.token_endpoint_auth_methods_supported).toEqual(
      expect.arrayContaining(['tls_client_auth', 'self_signed_tls_client_auth']),
    );
  });
});

describe('a certificate that does not come from the trusted proxy', () => {
  it('is taken off the request', async () => {
    const server = await startDeclaredServer({ env: { ...HEADERS, TRUST_PROXY: '10.0.0.0/8' } });
    try {
      for (const client of [bank, app]) await server.services.clients.create(client, { source: 'operator' });
      expect(await refusalOf(obtainTokens(server, await partyWith(server, bank, mine)))).toEqual({ status: 401, error: 'invalid_client' });
      expect(await refusalOf(obtainTokens(server, await partyWith(server, app, mine)))).toEqual(invalidGrant);
    } finally {
      await server.close();
    }
  });

  it('is nothing where mutual TLS is off: no such client can be registered, and nothing is advertised', async () => {
    const server = await startDeclaredServer({ env: { TRUST_PROXY: 'loopback' } });
    try {
      for (const client of [bank, app]) {
        const registered = server.services.clients.create(client, { source: 'operator' });
        await expect(registered).rejects.toMatchObject({ code: 'clients.invalid' });
      }
      const metadata = (await (await fetch(`${server.url}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
      expect(metadata.tls_client_certificate_bound_access_tokens).toBeUndefined();
      expect(metadata.token_endpoint_auth_methods_supported).not.toContain('tls_client_auth');
    } finally {
      await server.close();
    }
  });
});
