import type { AppError } from '../platform/errors.js';
import type { Texts } from './texts.js';
import type { ErrorView, FormError } from './views.js';

/** A form's problem as the templates show it. */
export type Problem = { code: string; field: string | undefined; text: string };

/** The codes count in different units; the catalogue always counts `count`. */
function withCount(values: FormError['values']): Record<string, string | number> {
  const count = values?.count ?? values?.minutes ?? values?.seconds ?? values?.hours ?? values?.length;
  return count === undefined ? { ...values } : { ...values, count };
}

/** Sentences for a form's errors: `text`, else the catalogue's by code and field, else `message`, else a general one. */
export function describeProblems(errors: readonly FormError[] | undefined, texts: Texts): Problem[] {
  return (errors ?? []).map(({ code, field, values, text, message }) => {
    const key = [`problem.${code}.${field}`, `problem.${code}`].find((candidate) => texts.has(candidate));
    const known = key !== undefined && texts.has(key) ? sayOrNothing(() => texts.t(key, withCount(values))) : undefined;
    return { code, field, text: text ?? known ?? message ?? texts.t('problem.unknown') };
  });
}

// A problem without its number must still be told; what is missing is the route's mistake, not the person's.
function sayOrNothing(say: () => string): string | undefined {
  try {
    return say();
  } catch {
    return undefined;
  }
}

/** The three sentences of an error page, and whether they are the general ones. */
export function describeError({ code, status, message }: ErrorView, texts: Texts): { title: string; why: string; way: string } {
  const base = [`error.${code}`, `error.status_${status}`, status < 500 ? 'error.status_400' : 'error.server_error'].find((candidate) =>
    texts.has(`${candidate}.title`),
  ) as 'error.server_error';
  const general = base !== `error.${code}`;
  return {
    title: texts.t(`${base}.title`),
    why: general && message !== undefined && status < 500 ? message : texts.t(`${base}.why`),
    way: texts.t(`${base}.do`),
  };
}

/** `firstName` of a service is `first_name` of a form. */
const toWireName = (path: string): string => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * An AppError as the errors of a form: one for each faulty member it names, else one for itself. The catalogue's sentence is told where it
 * has one whose values are known, else the error's own.
 * `field` is the wire name the error belongs to when it names none; `values` fill the sentence (a retry time is given as seconds and minutes).
 */
export function toFormErrors(error: AppError, options: { field?: string; values?: FormError['values'] } = {}): FormError[] {
  const seconds = error.retryAfterSeconds;
  const times: Record<string, number> = seconds === undefined ? {} : { seconds, minutes: Math.max(1, Math.ceil(seconds / 60)) };
  const one: FormError = { code: error.code, field: options.field, message: error.message, values: { ...times, ...options.values } };
  if (!error.details?.length) return [one];
  return error.details.map(({ path, message }) => ({ code: error.code, field: toWireName(path), message, values: one.values }));
}
