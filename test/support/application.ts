import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Browserless } from './browserless.js';
import { PASSWORD } from './people.js';

export const REDIRECT_URI = 'https://app.example/callback';
/** The person who signs in. */
export const PERSON = 'ann@example.com';

export type ApplicationDeps = {
  url: string;
  /** where the development mailbox is */
  dataDir: string;
  client: { id: string; secret: string };
};

export type Code = { code: string; verifier: string };
export type TokenAnswer = { status: number; refreshToken: string | undefined; retryAfter: string | null };

const random = () => randomBytes(32).toString('base64url');

/** An application and a browser that use an installation, as long as it is there; every call fails when it is not. */
export function createApplication({ url, dataDir, client }: ApplicationDeps) {
  const authorization = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`;

  async function token(fields: Record<string, string>): Promise<TokenAnswer> {
    const response = await fetch(`${url}/token`, { method: 'POST', headers: { authorization }, body: new URLSearchParams(fields) });
    const body = (await response.json()) as { refresh_token?: string };
    return { status: response.status, refreshToken: body.refresh_token, retryAfter: response.headers.get('retry-after') };
  }

  const authorizeUrl = (verifier: string) =>
    `${url}/authorize?${new URLSearchParams({
      client_id: client.id,
      redirect_uri: REDIRECT_URI,
      response_type: 'code',
      scope: 'openid',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })}`;

  return {
    async signIn(): Promise<Browserless> {
      const browser = new Browserless();
      const page = await browser.open(authorizeUrl(random()));
      await browser.submit(page, '/login', { identifier: PERSON, password: PASSWORD });
      return browser;
    },
    /** Undefined where the answer was no code; `status` tells what it was. */
    async authorize(browser: Browserless): Promise<{ status: number; issued?: Code }> {
      const verifier = random();
      const page = await browser.open(authorizeUrl(verifier));
      const location = page.headers.get('location');
      const code = location?.startsWith(REDIRECT_URI) ? new URL(location).searchParams.get('code') : null;
      return code ? { status: page.status, issued: { code, verifier } } : { status: page.status };
    },
    redeem: ({ code, verifier }: Code) =>
      token({ grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: REDIRECT_URI }),
    refresh: (refreshToken: string) => token({ grant_type: 'refresh_token', refresh_token: refreshToken }),
    async register(email: string): Promise<number> {
      const browser = new Browserless();
      const page = await browser.open(`${url}/register`);
      return (await browser.submit(page, '/register', { email, password: PASSWORD })).status;
    },
    /** The verification link in the mailbox on disk; undefined when none was written. */
    async linkFor(email: string): Promise<string | undefined> {
      const folder = path.join(dataDir, 'mailbox');
      for (let tries = 0; tries < 100; tries++) {
        for (const name of list(folder)) {
          const mail = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as { to: string; text: string };
          if (mail.to === email) return /https?:\/\/\S+token=\S+/.exec(mail.text)?.[0];
        }
        await delay(10);
      }
      return undefined;
    },
    /** Presses the button of the page that a link opens. */
    async verify(link: string): Promise<number> {
      const browser = new Browserless();
      const page = await browser.open(link);
      if (page.status !== 200) return page.status;
      return (await browser.submit(page, '/register/verify', { password: PASSWORD })).status;
    },
    async readiness(): Promise<{ status: number; checks: Record<string, boolean> }> {
      const response = await fetch(`${url}/readyz`);
      const { checks } = (await response.json()) as { checks: Record<string, boolean> };
      return { status: response.status, checks };
    },
  };
}

export type Application = ReturnType<typeof createApplication>;

/** The newest 30: what was just sent. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .reverse()
      .slice(0, 30);
  } catch {
    return [];
  }
}
