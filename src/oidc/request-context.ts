import { Provider } from 'oidc-provider';
import { createWorkSlot } from '../platform/trace/index.js';
import type { RequestContext } from './adapter/index.js';

const MAX_USER_AGENT_CHARS = 400;

/** What a grant rests on that is saved now; see the adapter. */
export type GrantBasis = NonNullable<RequestContext['grantBasis']>;

export type RequestContexts = {
  /** Where the request comes from that oidc-provider is answering just now, for a person's list of sessions; and what its grants rest on. */
  current(): RequestContext | undefined;
  /** Runs work whose grants rest on something more than the library knows: each is saved only while that is still there. */
  restingOn<Result>(basis: GrantBasis, work: () => Promise<Result>): Promise<Result>;
};

export function createRequestContexts(): RequestContexts {
  const bases = createWorkSlot<GrantBasis>();
  return {
    current() {
      const ctx = Provider.ctx;
      const grantBasis = bases.get();
      return {
        ...(ctx ? { ip: ctx.ip, userAgent: ctx.get('User-Agent').slice(0, MAX_USER_AGENT_CHARS) } : {}),
        ...(grantBasis ? { grantBasis } : {}),
      };
    },
    restingOn: bases.run,
  };
}
