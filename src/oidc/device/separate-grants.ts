import { type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { ProviderExtension } from '../provider.js';

const ROUTES: ReadonlySet<string> = new Set(['code_verification', 'device_resume']);

/** True while the library handles what a person decides about a device. */
export const isDeviceRequest = (ctx: KoaContextWithOIDC | undefined): ctx is KoaContextWithOIDC =>
  ctx !== undefined && ROUTES.has(ctx.oidc.route);

type Authorization = Record<string, unknown>;
type SessionPrototype = { authorizationFor(clientId: string, value?: string): Authorization };

/**
 * A device that a person lets in is a sign-in of its own, elsewhere. The library would hang it on the browser's session: all devices of one application
 * would share one grant, so that signing one out ended the others, and a grant of its own would take the place of the browser's. Here what
 * the library notes about the application while it answers a device is kept for that request only, and the session stays as it was.
 */
export const keepDevicesApart: ProviderExtension = (provider) => {
  const prototype = provider.Session.prototype as unknown as SessionPrototype;
  const authorizationFor = prototype.authorizationFor;
  const apart = new WeakMap<KoaContextWithOIDC, Authorization>();
  prototype.authorizationFor = function authorizationForBrowserOrDevice(clientId, value) {
    const ctx = Provider.ctx;
    if (!isDeviceRequest(ctx)) return authorizationFor.call(this, clientId, value);
    const authorization = apart.get(ctx) ?? {};
    apart.set(ctx, authorization);
    return authorization;
  };
};
