import type { ClientRow } from './record.js';

type Registered = Pick<ClientRow, 'redirectUris' | 'metadata'>;

/** The web origins on which an operator's own applications run, kept in memory until the registry changes. */
export type WebOrigins = { find(): Promise<ReadonlySet<string>>; clear(): void };

export function createWebOrigins({ listFirstParty }: { listFirstParty(): Promise<readonly Registered[]> }): WebOrigins {
  let known: Promise<ReadonlySet<string>> | undefined;
  return {
    find() {
      if (known) return known;
      const reading = listFirstParty().then((rows) => new Set(rows.flatMap(originsOf)));
      known = reading;
      // A failure is not kept: the next request asks again.
      reading.catch(() => {
        if (known === reading) known = undefined;
      });
      return reading;
    },
    clear() {
      known = undefined;
    },
  };
}

/** Of redirect URIs that are web addresses, and what the operator added. A native application's loopback address is any program's on that machine, and no page. */
function originsOf({ redirectUris, metadata }: Registered): string[] {
  const { application_type: type, allowed_cors_origins: added = [] } = JSON.parse(metadata) as {
    application_type?: string;
    allowed_cors_origins?: string[];
  };
  if (type === 'native') return added;
  const own = (JSON.parse(redirectUris) as string[]).flatMap((uri) => {
    const { protocol, origin } = new URL(uri);
    return /^https?:$/.test(protocol) ? [origin] : [];
  });
  return [...own, ...added];
}
