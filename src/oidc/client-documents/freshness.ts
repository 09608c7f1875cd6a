const MIN_SECONDS = 60;
const MAX_SECONDS = 86_400;
const DEFAULT_SECONDS = 600;

/**
 * How long a document may be used without looking again: what its host says (RFC 9111), within bounds. A document that must not be kept at all is asked
 * for once a minute: a sign-in alone looks at it several times.
 */
export function freshSecondsOf(headers: Headers): number {
  const control = (headers.get('cache-control') ?? '').toLowerCase();
  if (/(^|[\s,])(no-store|no-cache)([\s,=]|$)/.test(control)) return MIN_SECONDS;
  const given = /(^|[\s,])max-age\s*=\s*"?(\d{1,9})/.exec(control)?.[2];
  if (given === undefined) return DEFAULT_SECONDS;
  const age = Number(/^\d{1,9}$/.exec(headers.get('age') ?? '')?.[0] ?? 0);
  return Math.min(MAX_SECONDS, Math.max(MIN_SECONDS, Number(given) - age));
}
