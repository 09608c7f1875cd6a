import type { Audit } from '../../platform/audit/index.js';
import { type Limit, networkOf, type RateLimiter } from '../../platform/limits/index.js';
import type { Clients, Registration } from '../clients/index.js';
import { notAllowed, tooMany } from './errors.js';
import type { InitialAccess } from './initial-access-tokens.js';

/** What comes with a request: its bearer token, and where from. */
export type Asking = { token: string | undefined; ip: string };

export type ClientRegistration = {
  /**
   * @throws AppError `client_registration.not_allowed`, `client_registration.limited` 429, `clients.invalid`
   */
  register(metadata: unknown, asking: Asking): Promise<Registration>;
  /** The next three: @throws AppError `clients.invalid_token` for a client that is not there, or not managed by this token */
  read(clientId: string, asking: Asking): Promise<Registration>;
  /** @throws also `clients.invalid`, `client_registration.limited` */
  replace(clientId: string, metadata: unknown, asking: Asking): Promise<Registration>;
  delete(clientId: string, asking: Asking): Promise<void>;
};

export type RegistrationDeps = {
  clients: Pick<Clients, 'register' | 'findRegistration' | 'replaceRegistration' | 'deleteRegistration'>;
  tokens: InitialAccess;
  limits: Pick<RateLimiter, 'consume'>;
  audit: Audit;
  settings: {
    /** token: only with an initial access token; open: with one, or within the limit */
    mode: 'off' | 'token' | 'open';
    perHour: number;
  };
};

/** Each makes every process look at all clients anew. */
const CHANGES: Limit = { points: 30, windowSeconds: 3600 };

export function createRegistrationService({ clients, tokens, limits, settings }: RegistrationDeps): ClientRegistration {
  async function requirePoint(key: string, limit: Limit): Promise<void> {
    const { allowed, retryAfterSeconds } = await limits.consume(key, limit);
    if (!allowed) throw tooMany(retryAfterSeconds);
  }

  return {
    async register(metadata, { token, ip }) {
      if (settings.mode === 'off' || (settings.mode === 'token' && token === undefined)) throw notAllowed();
      // A token that is shown must be good, also where none is needed; the operator bounded what it is good for.
      if (token !== undefined) {
        await tokens.require(token);
        return clients.register(metadata, { alongside: (tx) => tokens.use(token, tx) });
      }
      const hour = { points: settings.perHour, windowSeconds: 3600 };
      return clients.register(metadata, { admit: () => requirePoint(`client_registration:${networkOf(ip)}`, hour) });
    },
    read: (clientId, { token = '' }) => clients.findRegistration(clientId, token),
    async replace(clientId, metadata, { token = '' }) {
      await clients.findRegistration(clientId, token);
      await requirePoint(`client_registration_change:${clientId}`, CHANGES);
      return clients.replaceRegistration(clientId, token, metadata);
    },
    delete: (clientId, { token = '' }) => clients.deleteRegistration(clientId, token),
  };
}
