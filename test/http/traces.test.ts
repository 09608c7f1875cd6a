/** W3C Trace Context: whose request a line of the log and a request to somebody else belong to. Messages: see back-channel-logout. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/platform/log/index.js';
import { makeKey, signAssertion } from '../support/assertions.js';
import { API } from '../support/declarations.js';
import { listenHttp } from '../support/listening.js';
import { startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('a request', () => {
  const lines: string[] = [];
  let server: TestServer;
  beforeAll(async () => {
    server = await startDeclaredServer({
      log: createLogger({ level: 'trace', format: 'json', stream: { write: (line) => void lines.push(line) } }),
    });
  });
  afterAll(() => server?.close());

  it('is found in the log by its id and by the trace of whoever made it', async () => {
    const response = await fetch(`${server.url}/nowhere`, { headers: { traceparent: `00-${TRACE}-${SPAN}-01` } });
    const found = lines.filter((line) => line.includes('/nowhere')).map((line) => JSON.parse(line) as Record<string, string>);
    expect(found.length).toBeGreaterThan(0);
    for (const line of found) expect(line).toMatchObject({ request_id: response.headers.get('x-request-id'), trace_id: TRACE });
    await fetch(`${server.url}/elsewhere`, { headers: { traceparent: `00-${'0'.repeat(32)}-${SPAN}-01` } });
    const other = JSON.parse(lines.find((line) => line.includes('/elsewhere')) ?? '{}');
    expect(other.trace_id).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  });

  it('has what it asks of others in the same trace, with a span of our own and nothing that vendors added', async () => {
    const key = await makeKey();
    const heard: unknown[] = [];
    const host = await listenHttp((request, response) => {
      heard.push([request.headers.traceparent, request.headers.tracestate]);
      response.end(JSON.stringify({ keys: [key.publicJwk] }));
    });
    const { client } = await server.services.clients.create(
      {
        ...{ profile: 'service', token_endpoint_auth_method: 'private_key_jwt', jwks_uri: host.url },
        ...{ scope: 'orders:read', default_resource: API },
      },
      { source: 'operator' },
    );
    const { status } = await fetch(`${server.url}/token`, {
      method: 'POST',
      headers: { traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: 'vendor=secret' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await signAssertion({ issuer: server.url, clientId: client.id, key }),
      }),
    });
    expect(status).toBe(200);
    expect(heard).toEqual([[expect.stringMatching(new RegExp(`^00-${TRACE}-(?!${SPAN})[0-9a-f]{16}-00$`)), undefined]]);
    await host.close();
  });
});
