import { compileAllowance } from '../../src/platform/outbound/addresses.js';
import { OutboundError } from '../../src/platform/outbound/errors.js';
import type { Outbound } from '../../src/platform/outbound/index.js';
import { chooseTarget } from '../../src/platform/outbound/target.js';

export type WebPage = { status?: number; type?: string; headers?: Record<string, string>; body: unknown };

/**
 * The web beyond this machine, for a test server: names with their addresses, and what stands where. Where a request may go is decided by the same code as
 * always; only the connection is missing.
 */
export function createWeb() {
  const names = new Map<string, readonly string[]>([['client.example.net', ['93.184.215.14']]]);
  const pages = new Map<string, WebPage | 'down'>();
  const asked: string[] = [];
  const outbound: Outbound = {
    async fetch({ url, trusted }) {
      const policy = { allowance: compileAllowance([]), plainLoopback: true, resolve: async (name: string) => names.get(name) ?? [] };
      const target = await chooseTarget(url, { trusted, policy });
      asked.push(target.url.href);
      const page = pages.get(target.url.href) ?? { status: 404, body: {} };
      if (page === 'down') throw new OutboundError('connection', 'nobody is there');
      const { status = 200, type = 'application/json', headers = {}, body } = page;
      return new Response(typeof body === 'string' ? body : JSON.stringify(body), {
        status,
        headers: { 'content-type': type, ...headers },
      });
    },
  };
  return {
    outbound,
    /** every address that was connected to */
    asked,
    names,
    put: (url: string, page: WebPage | 'down') => void pages.set(url, page),
  };
}

export type Web = ReturnType<typeof createWeb>;
