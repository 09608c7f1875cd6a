import { errors } from 'oidc-provider';

/**
 * The library makes an error for each thing that it is about to check, whether the check fails or not, and each error takes its stack twice: a tenth of
 * what userinfo costs. A refusal is told by its code and its detail, so where it was made is not looked for. What fails unforeseen is no error of the
 * library's own, or the cause of one, and has its stack as ever.
 */
class WithoutStack extends Error {
  constructor(message?: string, options?: ErrorOptions) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      super(message, options);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }
}

/** Once for a process, before the first provider is built: the classes and `Error` are everybody's. */
Object.setPrototypeOf(errors.OIDCProviderError, WithoutStack);

const capture = Error.captureStackTrace;
Error.captureStackTrace = function captureStackTrace(target: object, above?: Parameters<typeof capture>[1]) {
  if (!(target instanceof errors.OIDCProviderError)) capture(target, above ?? captureStackTrace);
};
