import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { InteractionStates } from '../adapter/index.js';
import { askedScopes } from '../asked-scopes.js';
import type { ResourceServerInfo } from '../resource-access.js';

/** What was wrong with the code a person entered. `page_too_old`: the form was not the one this browser was given last. */
export type CodeProblem = 'missing' | 'unknown' | 'page_too_old';

/** What a device asks for, as the person is told before anything is decided. */
export type Confirmation = {
  action: string;
  xsrf: string;
  /** as the device shows it */
  userCode: string;
  clientId: string;
  /** who is signed in in this browser */
  accountId: string | undefined;
  /** OpenID scopes, and scopes by resource */
  scopes: readonly string[];
  resourceScopes: Readonly<Record<string, readonly string[]>>;
  /** where the code was asked for */
  askedFrom: { ip: string | undefined; userAgent: string | undefined };
};

/** HTML that people meet between a device's code and its sign-in. */
export type DevicePages = {
  enter(ctx: KoaContextWithOIDC, form: { action: string; xsrf: string; typed?: string | undefined; problem?: CodeProblem }): Promise<void>;
  confirm(ctx: KoaContextWithOIDC, confirmation: Confirmation): Promise<void>;
  done(ctx: KoaContextWithOIDC, clientId: string): Promise<void>;
  cancelled(ctx: KoaContextWithOIDC): Promise<void>;
  refused(ctx: KoaContextWithOIDC, refusal: { code: string; status: number; retryAfterSeconds?: number }): Promise<void>;
};

export type DeviceFlowDeps = {
  pages: DevicePages;
  /** any other refusal */
  showError(ctx: KoaContextWithOIDC, out: ErrorOut, error: Error): Promise<void>;
  findResource(identifier: string): ResourceServerInfo | undefined;
  states: InteractionStates;
  /** hears of each code that no device waits with */
  onWrongCode(ctx: KoaContextWithOIDC): void;
};

export type DeviceFlowFeature = NonNullable<NonNullable<Configuration['features']>['deviceFlow']>;

type ErrorOut = { error: string; error_description?: string };

const MAX_TYPED_CHARS = 40;
const MAX_USER_AGENT_CHARS = 400;

/**
 * The library's device flow with our pages. User codes are eight of twenty consonants (RFC 8628, section 6.1): none looks like another, none spells a
 * word, and there are 2.56e10 of them.
 */
export function buildDeviceFlow({ pages, showError, findResource, states, onWrongCode }: DeviceFlowDeps): DeviceFlowFeature {
  const form = (ctx: KoaContextWithOIDC) => ({ action: ctx.oidc.urlFor('code_verification'), xsrf: String(stateOf(ctx)?.secret ?? '') });

  async function refuse(ctx: KoaContextWithOIDC, out: ErrorOut, error: Error): Promise<void> {
    const sessionKept = keepSessionAsItWas(ctx);
    const typed = textOf(ctx.oidc.params?.user_code)?.slice(0, MAX_TYPED_CHARS);
    switch (error.name) {
      case 'NoCodeError':
        return pages.enter(ctx, { ...form(ctx), problem: 'missing' });
      case 'NotFoundError':
        onWrongCode(ctx);
        return pages.enter(ctx, { ...form(ctx), typed, problem: 'unknown' });
      case 'ExpiredError':
        onWrongCode(ctx);
        return pages.refused(ctx, { code: 'device.code_expired', status: 400 });
      case 'AlreadyUsedError':
        onWrongCode(ctx);
        return pages.refused(ctx, { code: 'device.code_used', status: 400 });
      case 'AbortedError':
        return pages.cancelled(ctx);
      default:
    }
    if (error.name === 'InvalidRequest' && FORM_FAULT.test(out.error_description ?? '')) {
      if (!sessionKept) return pages.refused(ctx, { code: 'cookies.blocked', status: 400 });
      return pages.enter(ctx, { ...form(ctx), typed, problem: 'page_too_old' });
    }
    // The address of the last page, loaded again: what was decided stays decided.
    if (error.name === 'SessionNotFound' && (await states.stateOf(uidOf(ctx))) === 'finished')
      return pages.refused(ctx, { code: 'device.finished', status: 400 });
    return showError(ctx, out, error);
  }

  return {
    enabled: true,
    charset: 'base-20',
    mask: '****-****',
    deviceInfo: (ctx) => ({ ip: ctx.ip, userAgent: ctx.get('User-Agent').slice(0, MAX_USER_AGENT_CHARS) }),
    userCodeInputSource: (ctx, _form, out, error) => (error ? refuse(ctx, out ?? { error: '' }, error) : pages.enter(ctx, form(ctx))),
    userCodeConfirmSource: (ctx, _form, client, deviceInfo, userCode) => {
      const { params } = ctx.oidc.entities.DeviceCode as { params?: Record<string, unknown> };
      return pages.confirm(ctx, {
        ...form(ctx),
        userCode,
        clientId: client.clientId,
        accountId: ctx.oidc.session?.accountId,
        ...askedScopes(client, params ?? {}, findResource),
        askedFrom: { ip: textOf(deviceInfo.ip), userAgent: textOf(deviceInfo.userAgent) || undefined },
      });
    },
    successSource: (ctx) => pages.done(ctx, ctx.oidc.client?.clientId ?? ''),
  };
}

/**
 * The library puts a new form's secret into the session when it refuses, and then saves that once more. A browser that sent no cookie has no session
 * that could be saved again: the library would end in a TypeError. @returns false for such a browser
 */
function keepSessionAsItWas({ oidc: { session } }: KoaContextWithOIDC): boolean {
  if (!session || typeof session.exp === 'number') return true;
  (session as { touched?: boolean }).touched = false;
  return false;
}

/** How the library words that a form is not the one it gave to this session last. */
const FORM_FAULT = /xsrf|device form details/;

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
const stateOf = (ctx: KoaContextWithOIDC) => ctx.oidc.session?.state as { secret?: unknown } | undefined;
const uidOf = (ctx: KoaContextWithOIDC): string => textOf((ctx as unknown as { params?: { uid?: unknown } }).params?.uid) ?? '';
