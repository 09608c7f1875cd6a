import type { KoaContextWithOIDC } from 'oidc-provider';
import { describe, expect, test } from 'vitest';
import { createAuthenticationContexts, createContextCheck } from '../../src/oidc/authentication-contexts/index.js';

/** What the table is when a second factor has added its row. */
const contexts = createAuthenticationContexts([
  { acr: 'password', isReachedBy: (methods) => methods.has('pwd') },
  { acr: 'two-factors', isReachedBy: (methods) => methods.has('pwd') && methods.has('otp') },
]);

describe('the class that is told of a sign-in', () => {
  test('is the strongest that it reached', () => {
    expect(contexts.answer(['pwd'])).toBe('password');
    expect(contexts.answer(['otp', 'pwd'])).toBe('two-factors');
  });

  test('is the first that was asked for and is reached, so that whoever asked recognises it', () => {
    expect(contexts.answer(['otp', 'pwd'], ['unknown', 'password', 'two-factors'])).toBe('password');
    expect(contexts.answer(['pwd'], ['two-factors'])).toBe('password');
  });

  test('is none for a sign-in that reached none', () => {
    expect(contexts.answer(['otp'])).toBeUndefined();
    expect(contexts.answer(undefined)).toBeUndefined();
  });
});

describe('a request for a class', () => {
  type Asked = { acrValues?: string; essential?: string[]; resource?: boolean; amr?: string[]; signedInForIt?: boolean; prompt?: string };
  const judge = ({ acrValues, essential, resource, amr, signedInForIt, prompt }: Asked) =>
    createContextCheck(contexts).check({
      oidc: {
        params: {
          ...(acrValues ? { acr_values: acrValues } : {}),
          ...(essential ? { claims: JSON.stringify({ id_token: { acr: { essential: true, values: essential } } }) } : {}),
        },
        resourceServers: resource ? { 'https://api.example.com': {} } : {},
        session: { amr },
        prompts: new Set(prompt ? [prompt] : []),
        ...(signedInForIt ? { result: { login: {} } } : {}),
      },
    } as unknown as KoaContextWithOIDC);
  const asksAgain = true;
  const goesOn = false;
  const unmet = expect.objectContaining({ error: 'unmet_authentication_requirements' });

  test('that the session reached goes on, one that it did not asks the person again', () => {
    expect(judge({ acrValues: 'password', amr: ['pwd'] })).toBe(goesOn);
    expect(judge({ acrValues: 'two-factors', amr: ['pwd'] })).toBe(asksAgain);
    expect(judge({ essential: ['two-factors'], amr: ['pwd'] })).toBe(asksAgain);
    expect(judge({ acrValues: 'two-factors', amr: ['pwd', 'otp'] })).toBe(goesOn);
  });

  test('asks once: a person who signed in for it and did not reach it goes on where it was a wish, and is refused where it was not', () => {
    const tried = { amr: ['pwd'], signedInForIt: true };
    expect(judge({ acrValues: 'two-factors', ...tried })).toBe(goesOn);
    expect(() => judge({ acrValues: 'two-factors', resource: true, ...tried })).toThrow(unmet);
    expect(() => judge({ essential: ['two-factors'], ...tried })).toThrow(unmet);
    expect(judge({ essential: ['two-factors', 'password'], ...tried })).toBe(goesOn);
  });

  test('with prompt=none asks nobody for a wish, and says that somebody has to sign in where it has to be met', () => {
    expect(judge({ acrValues: 'two-factors', amr: ['pwd'], prompt: 'none' })).toBe(goesOn);
    expect(judge({ essential: ['two-factors'], amr: ['pwd'], prompt: 'none' })).toBe(asksAgain);
    expect(() => judge({ essential: ['unknown'], amr: ['pwd'], prompt: 'none' })).toThrow(unmet);
  });
});
