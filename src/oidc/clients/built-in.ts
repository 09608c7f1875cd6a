import { AppError } from '../../platform/errors.js';

/** What an operator may change of one of the server's own clients; all else is laid over it again at every start. */
const OPERATORS_PART: ReadonlySet<string> = new Set(['access_token_ttl_seconds', 'refresh_token_ttl_seconds', 'id_token_ttl_seconds']);

const builtIn = (message: string) => new AppError('clients.built_in', 409, message);

type Owned = { id: string; source: string };

/** @throws AppError `clients.built_in` 409 for a client that the server made for itself: it does not work without it, or in another shape */
export function requireOperators({ id, source }: Owned): void {
  if (source === 'built_in') throw builtIn(`${id} is the server's own: it can be neither deleted nor given another secret.`);
}

/** @throws AppError `clients.built_in` 409 for anything but the lifetimes of such a client */
export function requireOperatorsPart({ id, source }: Owned, patch: Record<string, unknown>): void {
  if (source !== 'built_in') return;
  const others = Object.keys(patch).filter((member) => member !== 'client_id' && !OPERATORS_PART.has(member));
  if (others.length === 0) return;
  throw builtIn(`${id} is the server's own: only its lifetimes can be changed (${[...OPERATORS_PART].join(', ')}).`);
}
