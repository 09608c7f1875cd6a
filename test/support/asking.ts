import * as oauth from 'oauth4webapi';
import { Browserless, type Page } from './browserless.js';
import { signIn } from './people.js';
import type { TestServer } from './server.js';

export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba';

/** Metadata of an application that asks people by itself. */
export const askingClient = {
  client_name: 'Example Bank',
  grant_types: [CIBA_GRANT, 'refresh_token'],
  redirect_uris: [],
  token_endpoint_auth_method: 'client_secret_basic',
  scope: 'openid profile email offline_access orders:read',
};

export type Refusal = { status: number; error: string; description: string; retryAfter: string | null };

/** An application that asks people on their own devices (CIBA), with oauth4webapi. */
export type Asker = {
  clientId: string;
  secret: string;
  /** Asks, and gives what the application has in its hands then. Throws for a refusal. */
  ask(parameters: Record<string, string>): Promise<oauth.BackchannelAuthenticationResponse>;
  /** The same, for a request that is refused. */
  refused(parameters: Record<string, string>): Promise<Refusal>;
  /** One question whether there is an answer, nothing thrown. */
  poll(authReqId: string): Promise<{ status: number; error: string | undefined; body: Record<string, unknown> }>;
  /** Tokens, checked by oauth4webapi. */
  collect(authReqId: string): Promise<oauth.TokenEndpointResponse>;
};

export async function createAsker(server: TestServer, metadata: Record<string, unknown> = {}): Promise<Asker> {
  const made = await server.services.clients.create({ ...askingClient, ...metadata }, { source: 'operator' });
  return askerOf(server, made.client.id, made.clientSecret ?? '');
}

export async function askerOf(server: TestServer, clientId: string, secret: string): Promise<Asker> {
  const issuer = new URL(server.url);
  const http = { [oauth.allowInsecureRequests]: true };
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));
  const client: oauth.Client = { client_id: clientId };
  const authentication = oauth.ClientSecretBasic(secret);
  const send = (parameters: Record<string, string>) =>
    oauth.backchannelAuthenticationRequest(as, client, authentication, { scope: 'openid profile', ...parameters }, http);
  const request = (authReqId: string) => oauth.backchannelAuthenticationGrantRequest(as, client, authentication, authReqId, http);
  return {
    clientId,
    secret,
    async ask(parameters) {
      return oauth.processBackchannelAuthenticationResponse(as, client, await send(parameters));
    },
    async refused(parameters) {
      const response = await send(parameters);
      const body = (await response.json()) as { error?: string; error_description?: string };
      if (response.ok) throw new Error('it was not refused');
      return {
        status: response.status,
        error: String(body.error),
        description: String(body.error_description),
        retryAfter: response.headers.get('retry-after'),
      };
    },
    async poll(authReqId) {
      const response = await request(authReqId);
      const body = (await response.json()) as Record<string, unknown>;
      return { status: response.status, error: body.error as string | undefined, body };
    },
    async collect(authReqId) {
      return oauth.processBackchannelAuthenticationGrantResponse(as, client, await request(authReqId));
    },
  };
}

/** Opens the newest link of the mails to a person and signs in if that is asked for: the page with the question. */
export async function openQuestion(
  server: TestServer,
  person: { email: string; password: string },
  { browser = new Browserless(), link }: { browser?: Browserless; link?: string } = {},
): Promise<{ browser: Browserless; link: string; page: Page }> {
  const [newest] = link === undefined ? await questionsTo(server, person.email) : [link];
  if (!newest) throw new Error(`no question reached ${person.email}`);
  let page = await browser.open(newest);
  if (page.body.includes('name="password"')) page = await signIn(browser, page, person);
  return { browser, link: newest, page };
}

/** Links to questions in the mails to an address, newest first. */
export const questionsTo = async (server: TestServer, email: string): Promise<string[]> =>
  (await server.linksTo(email)).filter((link) => link.includes('/approve?'));

export const answer = (browser: Browserless, page: Page, decision: 'allow' | 'refuse' = 'allow'): Promise<Page> =>
  browser.submit(page, '/approve', { decision });
