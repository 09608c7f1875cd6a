import { lookup, Resolver } from 'node:dns/promises';
import type { Resolve } from './target.js';

/** Twice this, at most, fits into the time of a request. */
const TIMEOUT_MS = 1500;

/**
 * Names of trusted clients are resolved as the operating system does it, /etc/hosts and search domains included. That takes a thread of the pool in which
 * passwords are hashed and tokens signed, for as long as a name server likes; so names of strangers are asked of the name servers directly, which takes none.
 * @param options.servers in place of those of the system: addresses with ports
 */
export function createResolve({ servers }: { servers?: readonly string[] } = {}): Resolve {
  return async (hostname, { trusted }) => {
    if (trusted) return (await lookup(hostname, { all: true, verbatim: true })).map(({ address }) => address);
    const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 1 });
    if (servers) resolver.setServers(servers);
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    const failure = answers.find((answer) => answer.status === 'rejected');
    if (found.length === 0 && failure) throw failure.reason;
    return found;
  };
}
