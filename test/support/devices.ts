import * as oauth from 'oauth4webapi';
import type { Browserless, Page } from './browserless.js';
import { clients } from './declarations.js';
import { consent, signIn } from './people.js';

export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const http = { [oauth.allowInsecureRequests]: true };
const client: oauth.Client = { client_id: clients.television.client_id };

/** What a device has in its hands while it waits. */
export type Waiting = { deviceCode: string; userCode: string; answer: oauth.DeviceAuthorizationResponse };

/** A device without a keyboard: asks for a code, shows it, and asks for its tokens. */
export type Device = {
  ask(parameters?: Record<string, string>): Promise<Waiting>;
  /** One question; throws oauth.ResponseBodyError for a refusal. */
  poll(deviceCode: string): Promise<oauth.TokenEndpointResponse>;
  /** The status and error of one question, nothing thrown. */
  tryOnce(deviceCode: string): Promise<{ status: number; error: string | undefined; body: Record<string, unknown> }>;
};

export async function createDevice(server: { url: string }): Promise<Device> {
  const issuer = new URL(server.url);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http));
  const request = (deviceCode: string) => oauth.deviceCodeGrantRequest(as, client, oauth.None(), deviceCode, http);
  return {
    async ask(parameters = {}) {
      const response = await oauth.deviceAuthorizationRequest(as, client, oauth.None(), { scope: 'openid profile', ...parameters }, http);
      const answer = await oauth.processDeviceAuthorizationResponse(as, client, response);
      return { deviceCode: answer.device_code, userCode: answer.user_code, answer };
    },
    async poll(deviceCode) {
      return oauth.processDeviceCodeResponse(as, client, await request(deviceCode));
    },
    async tryOnce(deviceCode) {
      const response = await request(deviceCode);
      const body = (await response.json()) as Record<string, unknown>;
      return { status: response.status, error: body.error as string | undefined, body };
    },
  };
}

/** Opens the page, enters the code and says that it is the right one; the page that follows. */
export async function enterCode(server: { url: string }, browser: Browserless, userCode: string): Promise<Page> {
  const confirmation = await browser.submit(await browser.open(`${server.url}/device`), '/device', { user_code: userCode });
  return browser.submit(confirmation, '/device', { confirm: 'yes' });
}

/** Lets a device in: code, sign-in if it is asked for, consent if it is asked for. */
export async function approve(
  server: { url: string },
  browser: Browserless,
  userCode: string,
  person: { email: string; password: string },
): Promise<Page> {
  let page = await enterCode(server, browser, userCode);
  if (page.body.includes('name="password"')) page = await signIn(browser, page, person);
  if (page.body.includes('name="decision"')) page = await consent(browser, page);
  return page;
}
