import { createPerson, PASSWORD } from './people.js';
import type { TestServer } from './server.js';

export type Json = Record<string, unknown>;
export type Answered = { status: number; headers: Headers; body: Json; text: string };
export type Call = { body?: unknown; token?: string; headers?: Record<string, string> };

/** One request to the JSON API. */
export const callApi = (server: Pick<TestServer, 'url'>, method: string, path: string, call: Call = {}): Promise<Answered> =>
  sendJson(`${server.url}${path}`, method, call);

/** One request with a JSON body. A text is sent as it is. */
export async function sendJson(url: string, method: string, { body, token, headers = {} }: Call): Promise<Answered> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson ? (JSON.parse(text) as Json) : {}, text };
}

/** A verified person who has signed in at `/auth/login`. */
export async function createApiPerson(server: TestServer, person: { email?: string; username?: string; roles?: readonly string[] } = {}) {
  const made = await createPerson(server, person);
  return { ...made, ...(await signInByApi(server, made.email)) };
}

export async function signInByApi(server: TestServer, email: string, password = PASSWORD) {
  const { status, body } = await callApi(server, 'POST', '/auth/login', { body: { email, password } });
  if (status !== 200) throw new Error(`the sign-in was refused: ${status} ${JSON.stringify(body)}`);
  return { token: String(body.access_token), refreshToken: String(body.refresh_token) };
}

/** The token of the newest mail link to an address. */
export async function mailTokenTo(server: TestServer, address: string): Promise<string> {
  const [link] = await server.linksTo(address);
  const token = link && new URL(link).searchParams.get('token');
  if (!token) throw new Error(`no link was mailed to ${address}`);
  return token;
}
