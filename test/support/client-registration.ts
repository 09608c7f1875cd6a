import { type Call, sendJson } from './json-api.js';
import type { TestServer } from './server.js';

export type Registered = Record<string, unknown> & {
  client_id: string;
  client_secret?: string;
  registration_access_token: string;
  registration_client_uri: string;
};

export type RegistrationAnswer = { status: number; headers: Headers; body: Record<string, unknown> };

export const callback = 'https://client.example.net/callback';

/** One request to the registration or client configuration endpoint. A text is sent as it is. */
export async function askRegistration(
  url: string,
  { method = 'POST', body, token, headers = {} }: Call & { method?: string } = {},
): Promise<RegistrationAnswer> {
  return sendJson(url, method, { body, token, headers });
}

/** Registers a client as an application would. @throws where it is refused */
export async function registerClient(server: Pick<TestServer, 'url'>, metadata: object = {}, token?: string): Promise<Registered> {
  const body = { redirect_uris: [callback], client_name: 'An application', ...metadata };
  const answer = await askRegistration(`${server.url}/connect/register`, { body, ...(token ? { token } : {}) });
  if (answer.status !== 201) throw new Error(`not registered: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as Registered;
}
