import { Agent, type IncomingHttpHeaders, request as send } from 'node:http';
import { formsOf } from '../support/browserless.js';
import { ISSUER } from './stage.js';

export type Answer = { status: number; headers: IncomingHttpHeaders; body: string };
export type Call = { method?: 'GET' | 'POST'; path: string; headers?: Record<string, string>; body?: string };

/** One connection that is kept, to a server that is spoken to as by its proxy: https outside, its own name, the address of a caller. */
export class Connection {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #cookies = new Map<string, string>();
  address: string;

  constructor(port: number, address: string) {
    this.#port = port;
    this.address = address;
  }

  request({ method = 'GET', path, headers, body }: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = send(
        {
          ...{ host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path },
          headers: {
            host: new URL(ISSUER).host,
            'x-forwarded-host': new URL(ISSUER).host,
            'x-forwarded-proto': 'https',
            'x-forwarded-for': this.address,
            'user-agent': 'bench',
            ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
            ...headers,
          },
        },
        (incoming) => {
          let text = '';
          incoming.setEncoding('utf8');
          incoming.on('data', (chunk: string) => (text += chunk));
          incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text }));
          incoming.on('error', reject);
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** One request of a browser: cookies come along and are kept. */
  async browse(call: Call): Promise<Answer & { url: string }> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await this.request({ ...call, headers: { accept: 'text/html', ...(cookie ? { cookie } : {}), ...call.headers } });
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [pair = ''] = line.split(';');
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return { ...answer, url: new URL(call.path, ISSUER).href };
  }

  /** Follows redirects within the issuer; stops at the page, or at the redirect that leaves. */
  async open(path: string): Promise<Answer & { url: string }> {
    let answer = await this.browse({ path });
    for (let hops = 0; hops < 10; hops++) {
      const { location } = answer.headers;
      if (!location) return answer;
      const next = new URL(location, ISSUER);
      if (next.origin !== ISSUER) return answer;
      answer = await this.browse({ path: next.pathname + next.search });
    }
    return answer;
  }

  /** Sends the only form of a page that has the field, filled in, and goes on. */
  async submit(page: Answer & { url: string }, has: string, fields: Record<string, string>): Promise<Answer & { url: string }> {
    const headers = new Headers();
    const form = formsOf({ ...page, headers }).find((each) => has in each.fields || each.action.endsWith(has));
    if (!form) throw new Error(`no form ${has} in the answer ${page.status} of ${page.url}:\n${page.body.slice(0, 600)}`);
    const { pathname, search } = new URL(form.action);
    const answer = await this.browse({
      method: 'POST',
      path: pathname + search,
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: ISSUER, 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams({ ...form.fields, ...fields }).toString(),
    });
    const next = answer.headers.location && new URL(answer.headers.location, ISSUER);
    return next && next.origin === ISSUER ? this.open(next.pathname + next.search) : answer;
  }

  close(): void {
    this.#agent.destroy();
  }
}
