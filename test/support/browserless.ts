/** A browser without a screen: cookies by path, redirects one at a time, forms filled in as a person would. Scripts do not run. */
export type Page = { status: number; url: string; headers: Headers; body: string };

export type Form = { action: string; method: string; fields: Record<string, string> };

type Cookie = { value: string; path: string };

/** Cookies of one name and several paths live side by side; those of the whole host are kept under their name alone. */
const keyOf = (name: string, path: string) => (path === '/' ? name : `${name} ${path}`);

const decodeEntities = (text: string) =>
  text
    .replaceAll('&quot;', '"')
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

const attribute = (tag: string, name: string): string | undefined => {
  const match = new RegExp(`\\s${name}(?:="([^"]*)"|='([^']*)'|=([^\\s>]+))`, 'i').exec(tag);
  return match ? decodeEntities(match[1] ?? match[2] ?? match[3] ?? '') : undefined;
};

/** The forms of a page with the values they would send untouched; buttons are left out. */
export function formsOf(page: Page): Form[] {
  return [...page.body.matchAll(/<form\b[^>]*>([\s\S]*?)<\/form>/gi)].map(([whole, inside = '']) => {
    const tag = whole.slice(0, whole.indexOf('>') + 1);
    const fields: Record<string, string> = {};
    for (const [input] of inside.matchAll(/<input\b[^>]*>/gi)) {
      const name = attribute(input, 'name');
      const type = attribute(input, 'type') ?? 'text';
      if (!name || type === 'submit' || type === 'button') continue;
      if ((type === 'checkbox' || type === 'radio') && !/\schecked\b/i.test(input)) continue;
      fields[name] = attribute(input, 'value') ?? (type === 'checkbox' ? 'on' : '');
    }
    return {
      action: new URL(attribute(tag, 'action') ?? '', page.url).href,
      method: (attribute(tag, 'method') ?? 'get').toUpperCase(),
      fields,
    };
  });
}

export class Browserless {
  readonly cookies = new Map<string, Map<string, Cookie>>();
  /** Every Set-Cookie line received, oldest first. */
  readonly received: string[] = [];
  readonly headers: Record<string, string>;

  constructor(headers: Record<string, string> = {}) {
    this.headers = { accept: 'text/html,application/xhtml+xml', 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0', ...headers };
  }

  cookieHeader(url: URL): string {
    const jar = this.cookies.get(url.hostname) ?? new Map<string, Cookie>();
    return [...jar]
      .filter(
        ([, cookie]) =>
          url.pathname === cookie.path || url.pathname.startsWith(cookie.path.endsWith('/') ? cookie.path : `${cookie.path}/`),
      )
      .map(([key, { value }]) => `${key.split(' ')[0]}=${value}`)
      .join('; ');
  }

  /** One request, no redirect followed. */
  async request(address: string, init: RequestInit = {}): Promise<Page> {
    const url = new URL(address);
    const cookie = this.cookieHeader(url);
    const response = await fetch(url, {
      redirect: 'manual',
      ...init,
      headers: { ...this.headers, ...(cookie ? { cookie } : {}), ...(init.headers as Record<string, string>) },
    });
    for (const line of response.headers.getSetCookie()) this.#store(url, line);
    return { status: response.status, url: url.href, headers: response.headers, body: await response.text() };
  }

  #store(url: URL, line: string): void {
    this.received.push(line);
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const name = pair.slice(0, pair.indexOf('='));
    const value = pair.slice(pair.indexOf('=') + 1);
    const options = new Map(
      attributes.map((part) => [part.split('=')[0]?.toLowerCase() ?? '', part.slice(part.indexOf('=') + 1)] as const),
    );
    const jar = this.cookies.get(url.hostname) ?? new Map<string, Cookie>();
    this.cookies.set(url.hostname, jar);
    const expires = options.get('expires');
    const path = options.get('path') ?? '/';
    if (expires && Date.parse(expires) <= Date.now()) jar.delete(keyOf(name, path));
    else jar.set(keyOf(name, path), { value, path });
  }

  /** Follows redirects within `origin` (the starting one unless given) and stops at the first page, or at the first redirect that leaves it. */
  async open(address: string, init: RequestInit = {}, origin = new URL(address).origin): Promise<Page> {
    let page = await this.request(address, init);
    for (let hops = 0; hops < 15; hops += 1) {
      const location = page.headers.get('location');
      if (page.status < 300 || page.status >= 400 || !location) return page;
      const next = new URL(location, page.url);
      if (next.origin !== origin) return page;
      page = await this.request(next.href);
    }
    throw new Error(`too many redirects, last ${page.url}`);
  }

  /** Sends the form whose action ends with (or contains) `action`, with some fields filled in. */
  submit(page: Page, action: string, fields: Record<string, string> = {}): Promise<Page> {
    const form =
      formsOf(page).find((candidate) => new URL(candidate.action).pathname.endsWith(action)) ??
      formsOf(page).find((candidate) => candidate.action.includes(action));
    if (!form)
      throw new Error(
        `no form for ${action} on ${page.url} (${page.status}); forms: ${formsOf(page).map((candidate) => candidate.action)}\n${page.body.slice(0, 2000)}`,
      );
    return this.post(form.action, { ...form.fields, ...fields });
  }

  post(address: string, fields: Record<string, string>): Promise<Page> {
    return this.open(address, {
      method: 'POST',
      body: new URLSearchParams(fields).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(address).origin, 'sec-fetch-site': 'same-origin' },
    });
  }
}
