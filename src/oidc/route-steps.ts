import requests from 'oidc-provider/lib/helpers/als.js';
import Router, { type Step } from 'oidc-provider/lib/helpers/router.js';
import rejectStructuredTokens from 'oidc-provider/lib/shared/reject_structured_tokens.js';

/*
 * Two steps of the library's routes that are taken otherwise, since they cost a quarter of a token and a tenth of an introspection. Once for a
 * process, before the first provider is built. A library whose routes do not have them as they are known here is not started at all.
 */

/**
 * The library gives each request `ctx.oidc` by a getter that it makes for that request. V8 keeps a pair of accessors among its old objects, and with
 * it all that the getter sees: each request lived on until the next full collection, which came every second. Here the same member is a plain value.
 */
const beginRequest: Step = (ctx, next) => {
  ctx.oidc = new ctx.app.OIDCContext(ctx);
  return requests.run(ctx, next);
};

/**
 * The library tells by an error, with its stack, that a token is no JWT. One without a dot is none, which needs no error; all others are for the
 * library to judge.
 */
const rejectStructured: Step = (ctx, next) => {
  const token = ctx.oidc.params?.token;
  return typeof token === 'string' && !token.includes('.') ? next() : rejectStructuredTokens(ctx, next);
};

const JUDGED = ['introspection', 'revocation'];

for (const method of ['get', 'post', 'put', 'delete', 'options'] as const) {
  const register = Router.prototype[method];
  Router.prototype[method] = function registerStep(name, path, first, ...rest) {
    const judges = rest.includes(rejectStructuredTokens);
    if (!String(first).includes('OIDCContext') || (method === 'post' && judges !== JUDGED.includes(name)))
      throw new TypeError(`the steps of the library's route ${name} are not as they are known here`);
    return register.call(
      this,
      name,
      path,
      beginRequest,
      ...rest.map((step) => (step === rejectStructuredTokens ? rejectStructured : step)),
    );
  };
}
