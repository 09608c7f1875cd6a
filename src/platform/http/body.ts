import type { Context } from 'koa';
import rawBody from 'raw-body';
import { AppError } from '../errors.js';
import { parseUnambiguous } from './json-text.js';

/** The largest body that is read, bytes. */
export const MAX_BODY_BYTES = 64 * 1024;
const MAX_FIELDS = 100;

async function readBytes(ctx: Context): Promise<Buffer> {
  try {
    return await rawBody(ctx.req, { limit: MAX_BODY_BYTES, length: ctx.request.length });
  } catch (cause) {
    const tooLarge = (cause as { type?: string }).type === 'entity.too.large';
    // What was not read would otherwise be taken for the next request.
    if (tooLarge) ctx.set('Connection', 'close');
    throw tooLarge
      ? new AppError('request.too_large', 413, 'The request is larger than 64 KiB.', { cause })
      : new AppError('request.unreadable', 400, 'The request body could not be read.', { cause });
  }
}

/**
 * Reads a form (application/x-www-form-urlencoded). A field given twice is refused: two readers of one request would otherwise
 * disagree about what was sent.
 * @throws AppError `request.unsupported_type`, `request.too_large`, `request.unreadable`, `request.duplicate_field`
 */
export async function readForm(ctx: Context): Promise<Map<string, string>> {
  if (!ctx.is('application/x-www-form-urlencoded'))
    throw new AppError('request.unsupported_type', 415, 'The form must be sent as application/x-www-form-urlencoded.');
  const fields = new Map<string, string>();
  let count = 0;
  for (const [name, value] of new URLSearchParams((await readBytes(ctx)).toString())) {
    count += 1;
    if (count > MAX_FIELDS) throw new AppError('request.unreadable', 400, 'The form has too many fields.');
    if (fields.has(name))
      throw new AppError('request.duplicate_field', 400, `The field ${JSON.stringify(name.slice(0, 40))} was sent twice.`);
    fields.set(name, value);
  }
  return fields;
}

/** Whether the request carries a body at all (RFC 9112, section 6). */
export const hasBody = (ctx: Context): boolean => ctx.get('Transfer-Encoding') !== '' || (ctx.request.length ?? 0) > 0;

/**
 * Reads a JSON value. Whatever two readers might read differently is refused: a member given twice, bytes that are not UTF-8.
 * @throws AppError as readForm
 */
export async function readJson(ctx: Context): Promise<unknown> {
  if (!hasBody(ctx)) throw new AppError('request.unreadable', 400, 'The body is missing.');
  const encoding = ctx.get('Content-Encoding');
  if (!ctx.is('application/json') || (encoding !== '' && encoding !== 'identity'))
    throw new AppError('request.unsupported_type', 415, 'The body must be sent as application/json, not compressed.');
  return parseUnambiguous(await readBytes(ctx));
}
