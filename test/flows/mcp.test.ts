import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { declare } from '../support/declarations.js';
import { startMcpServer } from '../support/mcp-server.js';
import { consent, createPerson, signIn } from '../support/people.js';
import { locationOf } from '../support/relying-party.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { createWeb } from '../support/web.js';

const DOCUMENT = 'https://client.example.net/mcp-client.json';
const REDIRECT = 'http://127.0.0.1:33418/callback';
const metadata = {
  client_name: 'An MCP client',
  redirect_uris: [REDIRECT],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

/** What an application that uses the SDK keeps for it; nothing in it is about this server. */
class Keeper implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT;
  readonly clientMetadata = metadata;
  readonly clientMetadataUrl?: string;
  information: OAuthClientInformationMixed | undefined;
  saved: OAuthTokens | undefined;
  verifier = '';
  sentTo: URL | undefined;

  constructor(clientMetadataUrl?: string) {
    if (clientMetadataUrl) this.clientMetadataUrl = clientMetadataUrl;
  }
  state = () => 'a-state';
  clientInformation = () => this.information;
  tokens = () => this.saved;
  codeVerifier = () => this.verifier;
  saveClientInformation(information: OAuthClientInformationMixed) {
    this.information = information;
  }
  saveTokens(tokens: OAuthTokens) {
    this.saved = tokens;
  }
  saveCodeVerifier(verifier: string) {
    this.verifier = verifier;
  }
  redirectToAuthorization(url: URL) {
    this.sentTo = url;
  }
}

describe('an MCP client with nothing configured', () => {
  let mcp: Awaited<ReturnType<typeof startMcpServer>>;
  let server: TestServer;
  let declared: ReturnType<typeof declare>;
  const web = createWeb();
  web.put(DOCUMENT, { body: { client_id: DOCUMENT, ...metadata } });
  beforeAll(async () => {
    mcp = await startMcpServer();
    declared = declare({ clients: [], resources: [mcp.declaration] });
    server = await startTestServer({ outbound: web.outbound, env: declared.env });
    mcp.trust(server.url);
  });
  afterAll(async () => {
    await server?.close();
    declared?.remove();
    await mcp?.close();
  });

  const connect = async (keeper: Keeper): Promise<Client> => {
    const client = new Client({ name: 'test', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(mcp.url, { authProvider: keeper }) as Parameters<Client['connect']>[0]);
    return client;
  };

  /** What the person does in the browser that the client opens. @returns where it is sent */
  const agree = async (address: URL): Promise<URL> => {
    const { email } = await createPerson(server);
    const browser = new Browserless();
    const page = await signIn(browser, await browser.open(address.href), { email });
    expect(page.body).toContain('Nobody here has checked this application');
    return locationOf(await consent(browser, page));
  };

  it.each([
    ['registers itself', undefined],
    ['presents its metadata document', DOCUMENT],
  ])('discovers this server, %s, and gets a token for that resource and no other', async (_how, document) => {
    const keeper = new Keeper(document);
    await expect(connect(keeper)).rejects.toThrow(UnauthorizedError);
    const address = keeper.sentTo as URL;
    expect(address.origin).toBe(server.url);
    expect(Object.fromEntries(address.searchParams)).toMatchObject({
      resource: mcp.resource,
      scope: 'notes:read',
      code_challenge_method: 'S256',
    });
    if (document) expect(keeper.information?.client_id).toBe(document);
    const answer = await agree(address);
    expect(answer.href.startsWith(REDIRECT)).toBe(true);
    expect(answer.searchParams.get('iss')).toBe(server.url);
    await new StreamableHTTPClientTransport(mcp.url, { authProvider: keeper }).finishAuth(String(answer.searchParams.get('code')));

    const client = await connect(keeper);
    const { content } = await client.callTool({ name: 'whoami' });
    const claims = mcp.seen.at(-1);
    expect(content).toEqual([{ type: 'text', text: claims?.sub }]);
    expect(claims).toMatchObject({ iss: server.url, aud: mcp.resource, scope: 'notes:read', client_id: keeper.information?.client_id });

    const first = String(keeper.saved?.access_token);
    mcp.refuse(first);
    await client.callTool({ name: 'whoami' });
    expect(keeper.saved?.access_token).not.toBe(first);
    expect(mcp.seen.at(-1)).toMatchObject({ aud: mcp.resource, sub: claims?.sub, scope: 'notes:read' });
    await client.close();
  });

  it('finds in the metadata all that its specification asks for', async () => {
    const response = await fetch(`${server.url}/.well-known/oauth-authorization-server`, {
      headers: { origin: 'https://inspector.example' },
    });
    expect(await response.json()).toMatchObject({
      issuer: server.url,
      registration_endpoint: `${server.url}/connect/register`,
      client_id_metadata_document_supported: true,
      authorization_response_iss_parameter_supported: true,
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: expect.arrayContaining(['none']),
      grant_types_supported: expect.arrayContaining(['authorization_code', 'refresh_token']),
    });
  });

  it.each(['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration', '/connect/register', '/token'])(
    'in a browser may ask %s from its own origin, with the headers of its SDK',
    async (path) => {
      const origin = 'https://inspector.example';
      const method = path.startsWith('/.well-known') ? 'GET' : 'POST';
      const preflight = await fetch(server.url + path, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': method,
          'access-control-request-headers': 'mcp-protocol-version,content-type,authorization',
        },
      });
      expect(preflight.status).toBe(204);
      expect(['*', origin]).toContain(preflight.headers.get('access-control-allow-origin'));
      expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
      expect(preflight.headers.get('access-control-allow-methods')).toContain(method);
      const allowed = preflight.headers.get('access-control-allow-headers')?.toLowerCase() ?? '';
      for (const name of ['mcp-protocol-version', 'content-type', 'authorization']) expect(allowed).toContain(name);
    },
  );
});
