/** Where the library keeps the request that it answers; its published types leave it out. */
declare module 'oidc-provider/lib/helpers/als.js' {
  const requests: { run<Result>(ctx: unknown, work: () => Result): Result; getStore(): unknown };
  export default requests;
}

/** Where the library's routes are. */
declare module 'oidc-provider/lib/helpers/router.js' {
  import type { KoaContextWithOIDC } from 'oidc-provider';

  export type Step = (
    ctx: { oidc: KoaContextWithOIDC['oidc']; app: { OIDCContext: new (ctx: unknown) => KoaContextWithOIDC['oidc'] } },
    next: () => Promise<void>,
  ) => Promise<void>;
  type Register = (this: Router, name: string, path: string, ...steps: Step[]) => Router;
  export default class Router {
    get: Register;
    post: Register;
    put: Register;
    delete: Register;
    options: Register;
  }
}

/** What introspection and revocation do before they look for a token. */
declare module 'oidc-provider/lib/shared/reject_structured_tokens.js' {
  import type { Step } from 'oidc-provider/lib/helpers/router.js';

  const rejectStructuredTokens: Step;
  export default rejectStructuredTokens;
}
