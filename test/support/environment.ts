/** Cheap hashes and wide limits: what a test wants to see it sets itself. */
export const testEnvironment = {
  LATCHKEY_ENV: 'development',
  LOG_LEVEL: 'silent',
  LOG_FORMAT: 'json',
  KEY_ENCRYPTION_KEY: Buffer.from('Vq7rT2mXw9LpZ4kHs8BnY6dJc3FgR5tQ').toString('base64'),
  COOKIE_SECRETS: 'a cookie secret for tests that is long enough to be one',
  HASH_MEMORY_KIB: '8192',
  HASH_PASSES: '1',
  LOGIN_FAILURE_FLOOR_MS: '0',
  LIMIT_FAILED_LOGINS_PER_MINUTE: '100000',
  LIMIT_REGISTRATIONS_PER_HOUR: '100000',
  LIMIT_RESETS_PER_HOUR: '100000',
  PURGE_INTERVAL_SECONDS: '0',
  DEMO: 'off',
  UV_THREADPOOL_SIZE: '8',
};
