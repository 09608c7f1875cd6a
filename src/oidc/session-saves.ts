import { type AdapterPayload, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { now } from '../platform/clock.js';
import { foundSession, stateOf, withdrawSessionCookie } from './adapter/index.js';
import type { ProviderExtension } from './provider.js';

/** A session is this much older at most than its last use says, in seconds; and by no more than so many parts of its lifetime. */
const SLIDES_SECONDS = 60;
const PARTS_OF_LIFETIME = 20;

type Session = AdapterPayload & { uid: string; jti: string; touched: boolean; save(ttlSeconds: number): Promise<string> };

/**
 * The library saves its session at the end of each request, to let it live a moment longer. One that is as it was found, and was saved within the
 * minute, is left alone. Nothing that must hold hangs on that save: what a request gives is stored under the condition that the session has not ended.
 * The browser keeps the cookie it has: another request may have given it a newer one meanwhile, which only a save would notice.
 */
export const saveSessionsThatChanged: ProviderExtension = (provider) => {
  const prototype = provider.Session.prototype as unknown as Session;
  const { save } = prototype;
  prototype.save = async function saveIfChanged(ttlSeconds) {
    const { ctx } = Provider;
    if (!ctx || !isSaved(ctx, this, ttlSeconds)) return save.call(this, ttlSeconds);
    withdrawSessionCookie(ctx);
    this.touched = false;
    return this.jti;
  };
};

function isSaved(ctx: KoaContextWithOIDC, session: Session, ttlSeconds: number): boolean {
  const found = foundSession(ctx, session.uid);
  if (!found) return false;
  const slidesSeconds = Math.min(SLIDES_SECONDS, ttlSeconds / PARTS_OF_LIFETIME);
  // A time to come is another machine's, a moment ahead, or was told by a clock that was wrong.
  return Math.abs(now() - found.savedAt.getTime()) < slidesSeconds * 1000 && found.state === stateOf(session);
}
