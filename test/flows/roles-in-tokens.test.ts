import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { API } from '../support/declarations.js';
import { createRelyingParty, obtainTokens, type RelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const TEAM = 'https://team.example.com';

describe('roles and permissions', () => {
  let server: TestServer;
  let ours: RelyingParty;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-roles-'));
  beforeAll(async () => {
    const file = path.join(folder, 'resources.json');
    writeFileSync(
      file,
      JSON.stringify([
        { identifier: API, name: 'Orders', scopes: ['orders:read'] },
        { identifier: TEAM, name: 'Team', scopes: ['team:read'], access_token_claims: ['roles', 'permissions'] },
      ]),
    );
    server = await startDeclaredServer({ env: { RESOURCES_FILE: file } });
    await server.services.clients.update('ours', { scope: 'openid profile email roles permissions orders:read team:read' });
    ours = await createRelyingParty(server, 'ours');
  });
  afterAll(async () => {
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const signIn = (scope: string, resource?: string) =>
    obtainTokens(server, ours, { parameters: { scope, ...(resource ? { resource } : {}) } });

  test('are told by userinfo where the scopes of these names were granted, and not otherwise', async () => {
    const { tokens, accountId } = await signIn('openid roles permissions');
    const claims = await oidc.fetchUserInfo(ours.config, tokens.access_token, accountId);
    expect(claims).toMatchObject({ roles: ['user'], permissions: ['profile:read', 'profile:update'] });
    const only = await signIn('openid roles');
    expect(await oidc.fetchUserInfo(ours.config, only.tokens.access_token, only.accountId)).not.toHaveProperty('permissions');
    const plain = await signIn('openid profile email');
    const told = await oidc.fetchUserInfo(ours.config, plain.tokens.access_token, plain.accountId);
    expect(told).not.toHaveProperty('roles');
    expect(told).not.toHaveProperty('permissions');
  });

  test('are in the tokens of a resource server that asks for them, and in no other', async () => {
    const { tokens } = await signIn('openid team:read orders:read', TEAM);
    const team = await oidc.refreshTokenGrant(ours.config, tokens.refresh_token ?? '', { resource: TEAM });
    expect(decodeJwt(team.access_token)).toMatchObject({ aud: TEAM, roles: ['user'], permissions: ['profile:read', 'profile:update'] });
    const orders = await signIn('openid orders:read', API);
    const order = await oidc.refreshTokenGrant(ours.config, orders.tokens.refresh_token ?? '', { resource: API });
    expect(decodeJwt(order.access_token)).not.toHaveProperty('roles');
    expect(decodeJwt(order.access_token)).not.toHaveProperty('permissions');
  });

  test('that the database does not tell just now are no failure of ours: 503, and the refresh token is good afterwards', async () => {
    const { tokens, accountId } = await signIn('openid permissions');
    const { db } = server.services;
    const query = db.query;
    const away = vi.spyOn(db, 'query').mockImplementation((statement) => {
      const isAway = statement.sql.includes('FROM account_roles');
      return isAway ? Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })) : query(statement);
    });
    const authorization = `Bearer ${tokens.access_token}`;
    const told = await fetch(`${server.url}/userinfo`, { headers: { authorization } });
    expect({ status: told.status, retryAfter: told.headers.get('retry-after') }).toEqual({ status: 503, retryAfter: '2' });
    const refresh = () => oidc.refreshTokenGrant(ours.config, tokens.refresh_token ?? '');
    const refused = await refresh().catch((error: Error) => error.cause as Response);
    expect(refused).toHaveProperty('status', 503);
    away.mockRestore();
    expect(await oidc.fetchUserInfo(ours.config, (await refresh()).access_token, accountId)).toHaveProperty('permissions');
  });

  test('change at the next refresh', async () => {
    const { tokens, accountId } = await signIn('openid team:read', TEAM);
    await server.services.identity.roles.grant(accountId, 'manager');
    const next = await oidc.refreshTokenGrant(ours.config, tokens.refresh_token ?? '', { resource: TEAM });
    expect(decodeJwt(next.access_token).roles).toEqual(['manager', 'user']);
    await server.services.identity.roles.revoke(accountId, 'manager');
    const after = await oidc.refreshTokenGrant(ours.config, next.refresh_token ?? '', { resource: TEAM });
    expect(decodeJwt(after.access_token).roles).toEqual(['user']);
  });
});
