import type { Context } from 'koa';
import type { ApiKey, Identity } from '../../identity/index.js';
import { addSeconds, now, nowDate } from '../../platform/clock.js';
import { AppError } from '../../platform/errors.js';
import { type ApiKeyItem, type FormError, toFormErrors } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';
import type { Entrance, SignedIn } from './entrance.js';
import type { FrameOf } from './frame.js';

const PATH = '/account/api-keys';
const REVOKE_PATH = `${PATH}/revoke`;
const DAY_SECONDS = 24 * 3600;
/** How long a key may be asked to work, in days. */
const EXPIRY = ['30', '90', '365', 'never'] as const;
const DEFAULT_EXPIRY = '90';
const MAX_SHOWN_CHARS = 200;
/** Each permission has a checkbox of its own name, since a field is given once. */
const BOX = 'may:';

export type ApiKeysPageDeps = {
  pages: PageKit;
  cookies: BrowserCookies;
  frameOf: FrameOf;
  entrance: Entrance;
  identity: Pick<Identity, 'apiKeys' | 'roles'>;
};

type Typed = { name: string; permissions: readonly string[]; expires: string };
const untouched: Typed = { name: '', permissions: [], expires: DEFAULT_EXPIRY };

export function createApiKeysPage({ pages, cookies, frameOf, entrance, identity }: ApiKeysPageDeps) {
  const { apiKeys, roles } = identity;

  const show = async (ctx: Context, { account }: SignedIn, typed = untouched, error?: AppError) => {
    const [keys, held] = await Promise.all([apiKeys.list(account.id), roles.permissionsOf(account.id)]);
    pages.show(
      ctx,
      'account/api-keys',
      {
        ...frameOf(ctx, account),
        action: PATH,
        keys: keys.map((key) => ({ ...itemOf(key), revokeUrl: `${REVOKE_PATH}?key=${encodeURIComponent(key.id)}` })),
        name: typed.name.slice(0, MAX_SHOWN_CHARS),
        permissions: held.map((name) => ({ name, chosen: typed.permissions.includes(name) })),
        expiry: EXPIRY.map((value) => ({ value, chosen: value === typed.expires })),
        ...(error ? { errors: errorsOf(error) } : {}),
      },
      { status: error?.status ?? 200 },
    );
  };
  const find = async ({ account }: SignedIn, id: unknown): Promise<ApiKey> => {
    const key = (await apiKeys.list(account.id)).find((each) => each.id === id);
    // Somebody else's key and one that was revoked are told alike: that there is none.
    if (!key) throw new AppError('api_keys.not_found', 404, 'There is no such API key.');
    return key;
  };

  return {
    async get(ctx: Context): Promise<void> {
      const person = await entrance.enter(ctx, PATH);
      if (person) await show(ctx, person);
    },

    async create(ctx: Context): Promise<void> {
      const form = await pages.form(ctx);
      const person = await entrance.enter(ctx, PATH);
      // Looked at again: seen alive after the account's generation was read, the session had not been ended before that.
      if (!person || !(await entrance.enter(ctx, PATH))) return;
      const { id: accountId, signInGeneration: generation } = person.account;
      const typed = typedIn(form);
      try {
        const { key, apiKey } = await apiKeys.create({ ...typed, accountId, generation, ip: ctx.ip, expiresAt: endOf(typed.expires) });
        pages.show(ctx, 'account/api-key-created', { ...frameOf(ctx, person.account), key, apiKey: itemOf(apiKey), backUrl: PATH });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        await show(ctx, person, typed, error);
      }
    },

    async confirm(ctx: Context): Promise<void> {
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      const key = await find(person, ctx.query.key);
      pages.show(ctx, 'account/api-key-revoke', {
        ...frameOf(ctx, person.account),
        action: REVOKE_PATH,
        hidden: { key: key.id },
        apiKey: itemOf(key),
        backUrl: PATH,
      });
    },

    async revoke(ctx: Context): Promise<void> {
      const form = await pages.form(ctx);
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      await apiKeys.revoke(form.get('key') ?? '', { accountId: person.account.id, ip: ctx.ip });
      cookies.setNotice(ctx, 'api_key_revoked');
      seeOther(ctx, PATH);
    },
  };
}

const itemOf = ({ name, prefix, permissions, createdAt, lastUsedAt, expiresAt }: ApiKey): ApiKeyItem => ({
  ...{ name, prefix, permissions, createdAt },
  lastUsedAt: lastUsedAt ?? undefined,
  expiresAt: expiresAt ?? undefined,
  expired: expiresAt !== null && expiresAt.getTime() <= now(),
});

const typedIn = (form: Map<string, string>): Typed => ({
  name: form.get('name') ?? '',
  permissions: [...form.keys()].filter((field) => field.startsWith(BOX)).map((field) => field.slice(BOX.length)),
  expires: form.get('expires') ?? '',
});

/** @throws AppError `field.invalid` for what the page does not offer */
function endOf(expires: string): Date | undefined {
  if (!EXPIRY.some((value) => value === expires)) {
    const message = 'Choose how long the key is to work.';
    throw new AppError('field.invalid', 422, message, { details: [{ path: 'expires', message }] });
  }
  return expires === 'never' ? undefined : addSeconds(nowDate(), Number(expires) * DAY_SECONDS);
}

function errorsOf(error: AppError): FormError[] {
  return toFormErrors(error).map((each) => (each.field === 'expires_at' ? { ...each, field: 'expires' } : each));
}
