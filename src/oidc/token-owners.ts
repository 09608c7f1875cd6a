import { type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Account, Accounts } from '../identity/index.js';
import type { Beside } from './adapter/index.js';

/** The accounts of tokens and sessions, read by the statement that reads these. */
export type TokenOwners = {
  beside: Beside;
  /** The account of the token or session that this request has just read; once, since what is asked for again may have changed. */
  take(accountId: string): Account | undefined;
};

/** Where a token or a session leads to its account. Introspection says of a token what the token says. */
const ROUTES = new Set(['userinfo', 'token', 'authorization']);

export function createTokenOwners({ columns, join, read }: Accounts['beside']): TokenOwners {
  // On the request's own context: see the reader of artifacts.
  const OWNER = Symbol('the account of the token that this request has read');
  type WithOwner = KoaContextWithOIDC & { [OWNER]?: Account | undefined };
  return {
    beside: {
      columns,
      join,
      isWanted: ({ oidc }) => ROUTES.has(oidc.route),
      keep(ctx: WithOwner, row) {
        ctx[OWNER] = read(row) ?? undefined;
      },
    },
    take(accountId) {
      const ctx = Provider.ctx as WithOwner | undefined;
      const owner = ctx?.[OWNER];
      if (!ctx || owner?.id !== accountId) return undefined;
      ctx[OWNER] = undefined;
      return owner;
    },
  };
}
