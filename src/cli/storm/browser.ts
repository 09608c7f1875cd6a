import { now } from '../../platform/clock.js';

/** What came back; no redirect is followed. */
export type Answer = { status: number; url: string; location: string | undefined; body: string };

/** A form with the values it would send untouched. */
export type Form = { action: string; fields: Record<string, string> };

type Cookie = { value: string; path: string };

/** No request of a storm waits longer. */
const REQUEST_TIMEOUT_MS = 60_000;

const decodeEntities = (text: string) =>
  text
    .replace(/&(?:#(\d+)|quot);/g, (_all, code: string | undefined) => (code ? String.fromCodePoint(Number(code)) : '"'))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

const attribute = (tag: string, name: string): string | undefined => {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return value === undefined ? undefined : decodeEntities(value);
};

/** The form whose action ends with a path. @throws Error when the page has none: it is not the page that was expected */
export function formOf(answer: Answer, path: string): Form {
  for (const [whole, inside = ''] of answer.body.matchAll(/<form\b[^>]*>([\s\S]*?)<\/form>/g)) {
    const action = new URL(attribute(whole, 'action') ?? '', answer.url);
    if (!action.pathname.endsWith(path)) continue;
    const inputs = [...inside.matchAll(/<input\b[^>]*>/g)].map(([tag]) => [attribute(tag, 'name'), attribute(tag, 'value') ?? ''] as const);
    return { action: action.href, fields: Object.fromEntries(inputs.filter(([name]) => name !== undefined)) };
  }
  throw new Error(`expected a page with a form for ${path}, got ${answer.status} at ${new URL(answer.url).pathname}`);
}

/** A browser without a screen, as far as the pages need one: cookies by path, forms, no scripts. */
export class Browser {
  readonly #cookies = new Map<string, Cookie>();

  /** A second window: the same cookies from here on, each keeping its own. */
  clone(): Browser {
    const twin = new Browser();
    for (const [name, cookie] of this.#cookies) twin.#cookies.set(name, cookie);
    return twin;
  }

  /** Takes over cookies whose names end so, signatures included. */
  adopt(from: Browser, name: string): void {
    for (const [each, cookie] of from.#cookies) if (each.replace(/\.sig$/, '').endsWith(name)) this.#cookies.set(each, cookie);
  }

  async request(address: string, init: RequestInit = {}): Promise<Answer> {
    const url = new URL(address);
    const cookie = [...this.#cookies]
      .filter(([, { path }]) => url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`))
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
    const response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...init,
      headers: { accept: 'text/html', ...(cookie ? { cookie } : {}), ...(init.headers as Record<string, string> | undefined) },
    });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    const location = response.headers.get('location');
    return {
      status: response.status,
      url: url.href,
      location: location === null ? undefined : new URL(location, url).href,
      body: await response.text(),
    };
  }

  /** Follows redirects for as long as they stay at the origin. */
  async open(address: string): Promise<Answer> {
    const { origin } = new URL(address);
    let answer = await this.request(address);
    for (let hops = 0; hops < 10 && answer.location && new URL(answer.location).origin === origin; hops++)
      answer = await this.request(answer.location);
    return answer;
  }

  /** Sends a form with some fields filled in. */
  send({ action, fields }: Form, filledIn: Record<string, string> = {}): Promise<Answer> {
    return this.request(action, {
      method: 'POST',
      body: new URLSearchParams({ ...fields, ...filledIn }),
      headers: { origin: new URL(action).origin },
    });
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf('='));
    const of = (wanted: string) => attributes.find((part) => part.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    const expires = of('expires');
    if (expires && Date.parse(expires) <= now()) this.#cookies.delete(name);
    else this.#cookies.set(name, { value: pair.slice(pair.indexOf('=') + 1), path: of('path') ?? '/' });
  }
}
