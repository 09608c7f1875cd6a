import type { Context } from 'koa';
import type { z } from 'zod';
import { AppError, type ErrorDetail } from '../../platform/errors.js';
import { hasBody, MAX_BODY_BYTES, readJson, requireStorable } from '../../platform/http/index.js';
import type { Endpoint } from './definition.js';
import { faultInWords } from './faults.js';

const MAX_ERRORS = 20;

/** Reads and checks everything a request brings. @throws AppError `request.*` 400, 413, 415, 422; `not_found` 404 for a path that can name nothing */
export async function readInput({ params, query, body }: Endpoint, ctx: Context) {
  return { params: readParams(params, ctx), query: readQuery(query, ctx), body: await readBody(body, ctx) };
}

function readParams(schema: z.ZodObject | undefined, ctx: Context): unknown {
  if (!schema) return undefined;
  const given = (ctx as Context & { params: Record<string, string> }).params;
  for (const value of Object.values(given)) requireStorable(value);
  const result = schema.safeParse(given);
  if (!result.success) throw new AppError('not_found', 404, 'There is nothing at this address.');
  return result.data;
}

function readQuery(schema: z.ZodObject | undefined, ctx: Context): unknown {
  if (!schema) return undefined;
  const given: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(ctx.querystring)) {
    // Names we do not know are not looked at, so that a tracking parameter given twice harms nobody.
    if (!Object.hasOwn(schema.shape, name)) continue;
    if (Object.hasOwn(given, name))
      throw new AppError('request.duplicate_parameter', 400, `The parameter ${name} was sent twice.`, {
        details: [{ path: name, message: 'was sent twice' }],
      });
    requireStorable(value);
    given[name] = value;
  }
  return check(schema, given);
}

async function readBody(schema: z.ZodType | undefined, ctx: Context): Promise<unknown> {
  if (!schema) {
    if ((ctx.request.length ?? 0) <= MAX_BODY_BYTES) return undefined;
    ctx.set('Connection', 'close');
    throw new AppError('request.too_large', 413, 'The request is larger than 64 KiB.');
  }
  if (!hasBody(ctx) && schema.safeParse(undefined).success) return check(schema, undefined);
  return check(schema, await readJson(ctx));
}

function check(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value, { error: faultInWords });
  if (result.success) return result.data;
  const details: ErrorDetail[] = [];
  for (const issue of result.error.issues.slice(0, MAX_ERRORS)) {
    const path = issue.path.join('.');
    // Of what is wrong with one member the first thing is told.
    if (!details.some((other) => other.path === path)) details.push({ path, message: issue.message });
  }
  throw new AppError('request.invalid_input', 422, 'The request has members that do not fit.', { details });
}
