import Provider, { type Adapter, type ErrorOut, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { unavailableError } from '../platform/db/index.js';
import type { AppError } from '../platform/errors.js';
import type { ProviderExtension } from './provider.js';

/** The library's own do not say when. */
type Unavailable = errors.TemporarilyUnavailable & { retryAfterSeconds?: number };

/** When to come again, by request: the library makes the answer from what such an error says in words. */
const retryAfter = new WeakMap<object, number>();

/** An error that says when to come again, in the library's words. */
export function asOAuthError(error: AppError): Unavailable {
  const answer = new errors.TemporarilyUnavailable(error.message) as Unavailable;
  // The library's own has 400, as if the client could mend it.
  answer.status = 503;
  answer.statusCode = 503;
  answer.cause = error.cause;
  answer.retryAfterSeconds = error.retryAfterSeconds ?? 1;
  if (Provider.ctx) retryAfter.set(Provider.ctx.req, answer.retryAfterSeconds);
  return answer;
}

/**
 * Runs what the library asks of us; when the database cannot answer, the library is told in its own words, so that its endpoints answer
 * `temporarily_unavailable` (RFC 6749, 4.1.2.1) and not `server_error`.
 */
export function tellingUnavailable<Args extends unknown[], Result>(
  call: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return (...args) => call(...args).then(undefined, failed);
}

function failed(error: unknown): never {
  throw fromDatabase(error) ?? error;
}

/** An adapter whose errors are the library's own where the database cannot answer. */
export function tellUnavailable(adapter: Adapter): Adapter {
  return {
    find: tellingUnavailable(adapter.find.bind(adapter)),
    findByUid: tellingUnavailable(adapter.findByUid.bind(adapter)),
    findByUserCode: tellingUnavailable(adapter.findByUserCode.bind(adapter)),
    upsert: tellingUnavailable(adapter.upsert.bind(adapter)),
    consume: tellingUnavailable(adapter.consume.bind(adapter)),
    destroy: tellingUnavailable(adapter.destroy.bind(adapter)),
    revokeByGrantId: tellingUnavailable(adapter.revokeByGrantId.bind(adapter)),
  };
}

const RETRY_AFTER_SECONDS = 2;

/**
 * Decides for all endpoints and grants, whatever of ours they asked: what would be the library's `server_error` is a 503 where the database could not
 * answer. Every 503 says when to come again; and what fails around an endpoint, as the saving of a session does, is answered like what fails in it.
 */
export const answerUnavailable: ProviderExtension = (provider: Provider) => {
  // Told before the answer is sent: by most endpoints when it has been made, by the authorization endpoint before it is rendered. A page that
  // `renderingUnavailable` has made is no 500 any more; what is made elsewhere, as the device flow's own, is answered as JSON here.
  provider.on('server_error', (ctx, error) => {
    const unavailable = ctx.status === 500 ? fromDatabase(error) : undefined;
    if (unavailable) refuse(ctx, unavailable);
  });
  provider.use((ctx, next) => {
    const sayWhen = (seconds = retryAfter.get(ctx.req) ?? RETRY_AFTER_SECONDS) => {
      if (ctx.status === 503 && !ctx.response.get('Retry-After')) ctx.set('Retry-After', String(seconds));
    };
    return next().then(
      () => sayWhen(),
      (error: unknown) => {
        const unavailable = error instanceof errors.TemporarilyUnavailable ? (error as Unavailable) : undefined;
        const answer = unavailable ?? fromDatabase(error);
        if (!answer || ctx.headerSent) throw error;
        refuse(ctx as KoaContextWithOIDC, answer);
        sayWhen(answer.retryAfterSeconds);
      },
    );
  });
};

type RenderError = (ctx: KoaContextWithOIDC, out: ErrorOut, error: Error) => Promise<void> | void;

/** The same decision for error pages. */
export const renderingUnavailable =
  (render: RenderError): RenderError =>
  (ctx, out, error) => {
    const unavailable = fromDatabase(error);
    if (!unavailable) return render(ctx, out, error);
    ctx.status = 503;
    return render(ctx, bodyOf(unavailable), unavailable);
  };

function fromDatabase(error: unknown): Unavailable | undefined {
  const unavailable = unavailableError(error);
  return unavailable && asOAuthError(unavailable);
}

const bodyOf = ({ error, error_description }: Unavailable): ErrorOut => ({ error, error_description });

function refuse(ctx: KoaContextWithOIDC, unavailable: Unavailable): void {
  // A code that could not be kept, or a session that was not saved, must not be handed out.
  ctx.remove('Location');
  ctx.remove('Set-Cookie');
  ctx.status = 503;
  ctx.set('Cache-Control', 'no-store');
  ctx.body = bodyOf(unavailable);
}
