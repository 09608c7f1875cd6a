import type { IncomingMessage, ServerResponse } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { listenHttp } from './listening.js';

const SCOPES = ['notes:read', 'notes:write'];

/**
 * A small MCP server that is protected as the MCP specification says: it publishes protected resource metadata (RFC 9728), challenges with its
 * address, and takes access tokens (RFC 9068) of its authorization server that are for itself.
 */
export async function startMcpServer() {
  let issuer = '';
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined;
  const refused = new Set<string>();
  const seen: JWTPayload[] = [];
  const path = '/mcp';
  const listening = await listenHttp((request, response) => {
    void answer(request, response).catch(() => response.writeHead(500).end());
  });
  const resource = `${listening.url}${path}`;
  const metadataUrl = `${listening.url}/.well-known/oauth-protected-resource${path}`;

  async function verify(header: string | undefined): Promise<JWTPayload | undefined> {
    const token = /^Bearer (\S+)$/.exec(header ?? '')?.[1];
    if (!token || !keys || refused.has(token)) return undefined;
    const verified = await jwtVerify(token, keys, { issuer, audience: resource, typ: 'at+jwt' }).catch(() => undefined);
    return verified?.payload;
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === new URL(metadataUrl).pathname) {
      const metadata = { resource, authorization_servers: [issuer], scopes_supported: SCOPES, bearer_methods_supported: ['header'] };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata));
      return;
    }
    if (request.url !== path) return void response.writeHead(404).end();
    const claims = await verify(request.headers.authorization);
    if (!claims) {
      const error = request.headers.authorization ? 'error="invalid_token", ' : '';
      response.writeHead(401, { 'www-authenticate': `Bearer ${error}resource_metadata="${metadataUrl}", scope="notes:read"` }).end();
      return;
    }
    seen.push(claims);
    const server = new McpServer({ name: 'notes', version: '1.0.0' });
    server.registerTool('whoami', { description: 'Says who asks' }, () => ({ content: [{ type: 'text', text: String(claims.sub) }] }));
    // Stateless: each request stands by itself.
    const transport = new StreamableHTTPServerTransport();
    await server.connect(transport as Parameters<typeof server.connect>[0]);
    await transport.handleRequest(request, response);
  }

  return {
    url: new URL(resource),
    resource,
    /** as RESOURCES_FILE has it */
    declaration: { identifier: resource, name: 'Notes', scopes: SCOPES.map((name) => ({ name })), access_token_format: 'jwt' },
    /** the claims of every token that was let in */
    seen,
    trust(url: string) {
      issuer = url;
      keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', url));
    },
    /** From now on as if it had expired. */
    refuse: (token: string) => void refused.add(token),
    close: listening.close,
  };
}
