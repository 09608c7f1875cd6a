/** Where the library keeps the request that it answers; its published types leave it out. */
declare module 'oidc-provider/lib/helpers/als.js' {
  const requests: { run<Result>(ctx: unknown, work: () => Result): Result; getStore(): unknown };
  export default requests;
}
