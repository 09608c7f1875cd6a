import requests from 'oidc-provider/lib/helpers/als.js';
import Router, { type Step } from 'oidc-provider/lib/helpers/router.js';

/**
 * The library gives each request `ctx.oidc` by a getter that it makes for that request. V8 keeps a pair of accessors among its old objects, and with
 * it all that the getter sees: each request lived on until the next full collection, which came every second. That was a quarter of a token's
 * processor time, in copying and collecting. Here the same member is a plain value.
 *
 * Once for a process, before the first provider is built. A library that begins its routes otherwise is not started at all.
 */
const beginRequest: Step = (ctx, next) => {
  ctx.oidc = new ctx.app.OIDCContext(ctx);
  return requests.run(ctx, next);
};

for (const method of ['get', 'post', 'put', 'delete', 'options'] as const) {
  const register = Router.prototype[method];
  Router.prototype[method] = function registerPlain(name, path, first, ...rest) {
    if (!String(first).includes('OIDCContext')) throw new TypeError(`the library's route ${name} does not begin as it is known here to`);
    return register.call(this, name, path, beginRequest, ...rest);
  };
}
