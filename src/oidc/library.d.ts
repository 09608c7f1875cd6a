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
