import argon2 from 'argon2';
import { describe, expect, it } from 'vitest';
import { createPasswords, type PasswordsDeps } from '../../src/identity/passwords/index.js';
import { cpuMs, smallest } from '../support/work.js';

const standard: PasswordsDeps = { cost: { memoryKib: 19456, passes: 2, lanes: 1 }, maxWaiting: 64, minScore: 2, brandName: 'Latchkey' };
const cheap: PasswordsDeps = { ...standard, cost: { memoryKib: 1024, passes: 1, lanes: 1 } };
const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

describe('a password hash', () => {
  it('is argon2id with 19 MiB, 2 passes, 1 lane and a salt of its own', async () => {
    const passwords = createPasswords(standard);
    const [first, second] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')]);
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(first).not.toBe(second);
    expect(await passwords.verify(first ?? '', 'correct horse')).toEqual({ ok: true, needsRehash: false });
    expect(await passwords.verify(first ?? '', 'correct horsE')).toEqual({ ok: false, needsRehash: false });
  });

  it('never blocks the event loop', async () => {
    const passwords = createPasswords(standard);
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const started = performance.now();
    await Promise.all(Array.from({ length: 10 }, () => passwords.hash('correct horse battery')));
    clearInterval(timer);
    // Ten hashes take some hundred milliseconds; were they on the loop, the timer would have slept through one at least.
    expect(longest).toBeLessThan((performance.now() - started) / 3);
  });

  it('waits in a bounded queue: past it, 503 with Retry-After, and the queue drains', async () => {
    const passwords = createPasswords({ ...cheap, concurrency: 1, maxWaiting: 3 });
    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => passwords.hash('correct horse battery')));
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(refused).toHaveLength(6);
    expect(refused[0]?.reason).toMatchObject({ code: 'passwords.busy', status: 503, retryAfterSeconds: 2 });
    expect(passwords.queueDepth()).toBe(0);
    await expect(passwords.hash('correct horse battery')).resolves.toMatch(/^\$argon2id/);
  });

  it.each([
    ['argon2i', { type: argon2.argon2i, memoryCost: 4096, timeCost: 3, parallelism: 1 }],
    ['argon2d', { type: argon2.argon2d, memoryCost: 1024, timeCost: 1, parallelism: 1 }],
    ['argon2id of version 0x10', { type: argon2.argon2id, version: 0x10, memoryCost: 1024, timeCost: 1, parallelism: 1 }],
    ['argon2id of other costs', { type: argon2.argon2id, memoryCost: 2048, timeCost: 1, parallelism: 2 }],
    ['a shorter argon2id', { type: argon2.argon2id, memoryCost: 1024, timeCost: 1, parallelism: 1, hashLength: 16 }],
  ])('that is %s is verified and asks to be made anew', async (_, options) => {
    const passwords = createPasswords(cheap);
    const hash = await argon2.hash('correct horse', options);
    expect(await passwords.verify(hash, 'correct horse')).toEqual({ ok: true, needsRehash: true });
    expect(await passwords.verify(hash, 'wrong horse')).toEqual({ ok: false, needsRehash: false });
  });

  it.each([
    '',
    'plain text',
    '$argon2id$',
    '$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA',
    '$2b$10$abcdefghijklmnopqrstuv',
    '\0',
  ])('that cannot be read (%j) matches nothing and does no harm', async (hash) => {
    const passwords = createPasswords(cheap);
    expect(await passwords.verify(hash, 'plain text')).toEqual({ ok: false, needsRehash: false });
  });

  it('of another system is verified through a scheme that is handed in', async () => {
    const scheme = {
      recognises: (hash: string) => hash.startsWith('$other$'),
      verify: async (hash: string, password: string) => hash === `$other$${password}`,
      needsRehash: () => true,
      inspect: () => null,
    };
    const passwords = createPasswords({ ...cheap, schemes: [scheme] });
    expect(await passwords.verify('$other$correct horse', 'correct horse')).toEqual({ ok: true, needsRehash: true });
  });

  it('takes equal work for no account, an unreadable hash, an endless password and a wrong one', async () => {
    const passwords = createPasswords(standard);
    const hash = await passwords.hash('correct horse');
    const cases: [string | null, string][] = [
      [hash, 'wrong horse'],
      [null, 'wrong horse'],
      ['unreadable', 'wrong horse'],
      [hash, 'x'.repeat(100_000)],
    ];
    const times = cases.map(() => [] as number[]);
    for (let round = 0; round < 9; round++) {
      for (const [index, [stored, password]] of cases.entries()) {
        const started = performance.now();
        await passwords.verify(stored, password);
        times[index]?.push(performance.now() - started);
      }
    }
    const medians = times.map(median);
    expect(Math.max(...medians)).toBeLessThan(2 * Math.min(...medians));
  });
});

describe('a new password', () => {
  const { assess, requireAcceptable, verify, hash } = createPasswords(cheap);
  const owner = ['jane.doe@example.com', 'Jane Doe', 'jdoe77'];

  it.each([
    ['1234567', 'passwords.too_short'],
    ['', 'passwords.too_short'],
    ['ñandúes', 'passwords.too_short'],
    ['password', 'passwords.too_common'],
    ['password1', 'passwords.too_common'],
    ['12345678', 'passwords.too_common'],
    ['qwertyuiop', 'passwords.too_common'],
    ['iloveyou', 'passwords.too_common'],
    ['PASSWORD', 'passwords.too_common'],
    ['aaaaaaaaaaaa', 'passwords.too_weak'],
    ['P@ssw0rd2024', 'passwords.too_weak'],
    ['jane.doe@example.com', 'passwords.too_weak'],
    ['JaneDoe77', 'passwords.too_weak'],
    ['Latchkey2024', 'passwords.too_weak'],
  ])('%j is refused as %s', async (password, code) => {
    expect(await assess(password, owner)).toMatchObject({ acceptable: false, code });
    await expect(requireAcceptable(password, owner)).rejects.toMatchObject({ code, status: 422, details: [{ path: 'password' }] });
  });

  it.each([
    'kJ8#mQ2x',
    'correct horse battery staple',
    'sailboat-rainbow',
    'пароль-и-замок',
    '密码锁钥匙门窗户桌',
    '🔑🚪🐈🌧️🎷🧂🦉🧭',
    '        x7 spaces count',
    'tab\tnull\0newline\n',
    `${'long '.repeat(9)}and 9 strange zebras`,
    `9 strange zebras and ${'a'.repeat(107)}`,
  ])('%j is accepted: any character may be used', async (password) => {
    expect(await assess(password, owner)).toMatchObject({ acceptable: true, code: undefined });
    expect(await verify(await hash(password), password)).toMatchObject({ ok: true });
  });

  it('of more than 128 characters is refused without being looked at', async () => {
    for (const length of [129, 1_000_000]) expect(await assess('x'.repeat(length), owner)).toMatchObject({ code: 'passwords.too_long' });
  });

  it('from the list of common ones is refused even where no strength is asked for', async () => {
    const lenient = createPasswords({ ...cheap, minScore: 0 });
    expect(await lenient.assess('iloveyou', [])).toMatchObject({ acceptable: false, code: 'passwords.too_common' });
    expect(await lenient.assess('aaaaaaaaaaaa', [])).toMatchObject({ acceptable: true });
  });

  it('comes back with advice when it is weak', async () => {
    const { warning, suggestions } = await assess('P@ssw0rd2024', []);
    expect(warning).toEqual(expect.any(String));
    expect(suggestions.length).toBeGreaterThan(0);
  });

  it('is the same however its accents are typed', async () => {
    const composed = 'caf\u00e9-au-lait-9';
    const decomposed = 'cafe\u0301-au-lait-9';
    expect(await verify(await hash(composed), decomposed)).toMatchObject({ ok: true });
    expect(await verify(await hash('x\u00b2 + y\u00b2 = z'), 'x2 + y2 = z')).toMatchObject({ ok: false });
  });

  it('that is a piece over and over is judged as the piece, and never better', async () => {
    for (const piece of ['a', 'ab', '4@$$', 'p@55w0rd', 'kJ8#mQ2x']) {
      const [some, many] = [await assess(piece.repeat(16), owner), await assess(piece.repeat(Math.floor(128 / piece.length)), owner)];
      expect(many.score, piece).toBe(some.score);
      expect(many.acceptable, piece).toBe(piece === 'kJ8#mQ2x');
    }
    // What is repeated and then goes on is no piece.
    expect(await assess(`${'ab'.repeat(8)} strange zebras`, owner)).toMatchObject({ acceptable: true });
  });

  it('is judged in bounded time, however hostile it is', async () => {
    await assess('warm up', []);
    for (const piece of ['aB3$', '4@48{[(<3€69%!|1', 'p4ssw0rd@l33t$', '20102011', '($1|!0@']) {
      const work = await smallest(async () => {
        const before = cpuMs();
        await assess(
          piece.repeat(128).slice(0, 128),
          Array.from({ length: 100 }, () => 'x.y-z'.repeat(100)),
        );
        return cpuMs() - before;
      }, 500);
      expect(work).toBeLessThan(500);
    }
  });

  it('is not judged when judging has taken its share of the time, and advice ends before what must be judged', async () => {
    const flooded = createPasswords(cheap);
    const hostile = `${'20102011'.repeat(4)}x`.repeat(3);
    const flood = async () => {
      for (let round = 0; round < 2000; round++) await flooded.assess(hostile, owner);
    };
    await expect(flood()).rejects.toMatchObject({ code: 'passwords.busy', status: 503, retryAfterSeconds: expect.any(Number) });
    await expect(flooded.requireAcceptable('correct horse battery staple 42', owner)).resolves.toBeUndefined();
  });
});
