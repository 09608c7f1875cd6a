import { errors } from 'oidc-provider';
import { describe, expect, it } from 'vitest';
import '../../src/oidc/refusal-stacks.js';

const framesOf = (error: { stack?: string | undefined }) => (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));

describe('where an error was made', () => {
  it.each([
    ['eager', () => new errors.InvalidToken('access token not found')],
    ['of a derived class', () => new errors.SessionNotFound('the session has ended')],
    ['made from its name', () => new errors.InvalidTarget('another resource')],
  ])('is not looked for when it is a refusal of the library (%s), which says all else', (_title, make) => {
    const error = make();
    expect(framesOf(error)).toEqual([]);
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(errors.OIDCProviderError);
    expect(error.name).toBe(error.constructor.name);
    expect(error.error_description ?? error.error_detail).toBeTruthy();
  });

  it('is known of every other error, also of the cause of a refusal', () => {
    const cause = new TypeError('not foreseen');
    expect(framesOf(cause)[0]).toContain('refusal-stacks.test');
    expect(framesOf(new errors.InvalidRequest('bad', undefined, { cause }).cause as Error)).toEqual(framesOf(cause));
    expect(() => new errors.InvalidRequest('bad', undefined, { cause: Symbol() as never })).not.toThrow();
    expect(framesOf(new Error('after all these'))[0]).toContain('refusal-stacks.test');
  });

  it('begins above the function that was named, and at the caller where none was', () => {
    function named() {
      const target: { stack?: string } = {};
      Error.captureStackTrace(target, named);
      return target;
    }
    const target: { stack?: string } = {};
    Error.captureStackTrace(target);
    for (const { stack = '' } of [named(), target]) {
      expect(framesOf({ stack })[0]).toContain('refusal-stacks.test');
      expect(stack).not.toMatch(/at (named|\S*captureStackTrace)/);
    }
  });
});
