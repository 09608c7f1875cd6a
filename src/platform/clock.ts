/** The one place that reads the time. It reads Date, as oidc-provider does, so that a test which moves Date moves both. */
export function now(): number {
  return Date.now();
}

/** Now as a Date, for columns. */
export function nowDate(): Date {
  return new Date(now());
}

/** Now in whole seconds since the epoch (RFC 7519 NumericDate). */
export function nowSeconds(): number {
  return Math.floor(now() / 1000);
}

/** A Date so many seconds after another. */
export function addSeconds(date: Date, seconds: number): Date {
  return new Date(date.getTime() + seconds * 1000);
}
