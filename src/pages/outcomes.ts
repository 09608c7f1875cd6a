import type { Context } from 'koa';
import type { z } from 'zod';
import type { CookieNames } from '../platform/http/index.js';
import { seeOther } from './see-other.js';

/** As long as a sign-in that waits behind such a page. */
const KEPT_SECONDS = 3600;
/** As long as an address can be; what is typed can be longer. */
const MAX_TEXT_CHARS = 254;

/** What a form led to, and the page that says it. */
export type Outcome<T> = {
  /** Sends the browser to the page, by a GET. Long texts are cut. */
  show(ctx: Context, told: T): void;
  /** What the page has to say; undefined for whoever comes without having sent the form, or long after. */
  read(ctx: Context): T | undefined;
};

export type Outcomes = <T extends Record<string, unknown>>(name: string, path: string, schema: z.ZodType<T>) => Outcome<T>;

/**
 * The page after an accepted form has an address of its own, so that Reload and Back show it again: neither sends the form twice (another
 * mail, a link that "was used already") nor meets the browser's warning of it. What it says is kept in a signed cookie of this browser
 * and not in the address, because it names people.
 */
export function createOutcomes({ names }: { names: CookieNames }): Outcomes {
  return (name, path, schema) => {
    const cookie = names.host(`told_${name}`);
    return {
      show(ctx, told) {
        const cut = (_key: string, value: unknown) => (typeof value === 'string' ? value.slice(0, MAX_TEXT_CHARS) : value);
        const value = Buffer.from(JSON.stringify(told, cut)).toString('base64url');
        const options = { signed: true, httpOnly: true, sameSite: 'lax', secure: names.secure, path: '/', overwrite: true } as const;
        ctx.cookies.set(cookie, value, { ...options, maxAge: KEPT_SECONDS * 1000 });
        seeOther(ctx, path);
      },
      read(ctx) {
        const value = ctx.cookies.get(cookie, { signed: true });
        if (!value) return undefined;
        // Ours, since it is signed; but perhaps of another version.
        return schema.safeParse(JSON.parse(Buffer.from(value, 'base64url').toString())).data;
      },
    };
  };
}
