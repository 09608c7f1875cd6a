import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.js';

describe('discovery', () => {
  let server: TestServer;
  let metadata: Record<string, unknown>;
  beforeAll(async () => {
    server = await startTestServer();
    metadata = (await (await fetch(`${server.url}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
  });
  afterAll(() => server.close());

  it('names no endpoint that is not there, whatever the method it wants', async () => {
    const endpoints = Object.entries(metadata).filter(([name]) => name.endsWith('_endpoint') || name === 'jwks_uri');
    expect(endpoints.length).toBeGreaterThan(5);
    for (const [name, url] of endpoints) {
      const statuses = await Promise.all(
        ['GET', 'POST'].map(async (method) => (await fetch(String(url), { method, redirect: 'manual' })).status),
      );
      expect(
        statuses.some((status) => status !== 404 && status !== 405),
        `${name} ${statuses}`,
      ).toBe(true);
    }
  });

  it('promises exactly what is built: a new member is a decision, not an accident of the library', () => {
    expect(Object.keys(metadata).sort()).toEqual([
      'acr_values_supported',
      'authorization_encryption_alg_values_supported',
      'authorization_encryption_enc_values_supported',
      'authorization_endpoint',
      'authorization_response_iss_parameter_supported',
      'authorization_signing_alg_values_supported',
      'backchannel_authentication_endpoint',
      'backchannel_authentication_request_signing_alg_values_supported',
      'backchannel_logout_session_supported',
      'backchannel_logout_supported',
      'backchannel_token_delivery_modes_supported',
      'claim_types_supported',
      'claims_parameter_supported',
      'claims_supported',
      'client_id_metadata_document_supported',
      'code_challenge_methods_supported',
      'device_authorization_endpoint',
      'dpop_signing_alg_values_supported',
      'end_session_endpoint',
      'grant_types_supported',
      'id_token_encryption_alg_values_supported',
      'id_token_encryption_enc_values_supported',
      'id_token_signing_alg_values_supported',
      'introspection_encryption_alg_values_supported',
      'introspection_encryption_enc_values_supported',
      'introspection_endpoint',
      'introspection_signing_alg_values_supported',
      'issuer',
      'jwks_uri',
      'pushed_authorization_request_endpoint',
      'registration_endpoint',
      'request_object_signing_alg_values_supported',
      'request_parameter_supported',
      'request_uri_parameter_supported',
      'response_modes_supported',
      'response_types_supported',
      'revocation_endpoint',
      'scopes_supported',
      'subject_types_supported',
      'token_endpoint',
      'token_endpoint_auth_methods_supported',
      'token_endpoint_auth_signing_alg_values_supported',
      'userinfo_encryption_alg_values_supported',
      'userinfo_encryption_enc_values_supported',
      'userinfo_endpoint',
      'userinfo_signing_alg_values_supported',
    ]);
  });

  it('says the same at the OAuth address (RFC 8414) as at the OpenID one', async () => {
    expect(await (await fetch(`${server.url}/.well-known/oauth-authorization-server`)).json()).toEqual(metadata);
  });
});
