import { hash as hashWithBcrypt } from '@node-rs/bcrypt';
import argon2 from 'argon2';
import { describe, expect, it } from 'vitest';
import { createPasswords, type PasswordsDeps } from '../../src/identity/passwords/index.js';
import { cpuMs } from '../support/work.js';

const cheap: PasswordsDeps = { cost: { memoryKib: 1024, passes: 1, lanes: 1 }, maxWaiting: 64, minScore: 2, brandName: 'Latchkey' };
const base64 = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex').toString('base64');
const text = (value: string) => Buffer.from(value).toString('base64');

/** Published by whoever made the scheme or the format. */
const vectors: [source: string, password: string, hash: string][] = [
  // Openwall's crypt_blowfish, wrapper.c
  ['bcrypt, crypt_blowfish', 'U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['bcrypt, crypt_blowfish', 'U*U*', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'],
  ['bcrypt of PHP ($2y$)', 'U*U*U', '$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
  ['bcrypt of OpenBSD ($2b$)', 'U*U', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['bcrypt ($2x$), ASCII', 'U*U', '$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  [
    'bcrypt of a password past 72 bytes',
    '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored',
    '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui',
  ],
  ['bcrypt as Django writes it', 'U*U', 'bcrypt$$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['Django bcrypt_sha256', 'password', 'bcrypt_sha256$$2b$12$VADBCPlCt0wMa2zjUgaXl.jnrvoNt/kgjtRY7i./fo0V2IEp1l6f2'],
  // Django's tests/auth_tests/test_hashers.py, of versions 1.4, 1.11 and 5.1
  ['Django pbkdf2_sha256', 'letmein', 'pbkdf2_sha256$10000$seasalt$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y='],
  ['Django pbkdf2_sha256', 'lètmein', 'pbkdf2_sha256$36000$seasalt$mEUPPFJkT/xtwDU8rB7Q+puHRZnR07WRjerTkt/3HI0='],
  ['Django pbkdf2_sha256, 870,000', 'lètmein', 'pbkdf2_sha256$870000$seasalt$wJSpLMQRQz0Dhj/pFpbyjMj71B2gUYp6HJS5AU+32Ac='],
  ['Django pbkdf2_sha1', 'letmein', 'pbkdf2_sha1$10000$seasalt$91JiNKgwADC8j2j86Ije/cc4vfQ='],
  [
    'Django scrypt',
    'lètmein',
    'scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==',
  ],
  [
    'Django scrypt, p=5',
    'lètmein',
    'scrypt$16384$seasalt$8$5$ECMIUp+LMxMSK8xB/IVyba+KYGTI7FTnet025q/1f/vBAVnnP3hdYqJuRi+mJn6ji6ze3Fbb7JEFPKGpuEf5vw==',
  ],
  // passlib's documentation and its tests
  ['passlib pbkdf2_sha256', 'password', '$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M'],
  ['passlib pbkdf2_sha256 with dots', 'password', '$pbkdf2-sha256$6400$.6UI/S.nXIk8jcbdHx3Fhg$98jZicV16ODfEsEZeYPGHU3kbrUrvUEXOPimVSQDD44'],
  ['passlib pbkdf2_sha1', 'password', '$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI'],
  ['passlib scrypt', 'password', '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E'],
  // RFC 6070, RFC 7914 (sections 11 and 12), in the form of PHC strings; a SHA-256 of 64 bytes is what Keycloak keeps
  [
    'PBKDF2-HMAC-SHA1, RFC 6070',
    'password',
    `$pbkdf2-sha1$i=4096,l=20$${text('salt')}$${base64('4b007901b765489abead49d926f721d065a429c1')}`,
  ],
  [
    'PBKDF2-HMAC-SHA256, RFC 7914',
    'passwd',
    `$pbkdf2-sha256$i=1,l=64$${text('salt')}$${base64('55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783')}`,
  ],
  [
    'scrypt, RFC 7914',
    'password',
    `$scrypt$ln=10,r=8,p=16$${text('NaCl')}$${base64('fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640')}`,
  ],
  // github.com/firebase/scrypt, README; the form is the one other servers take
  [
    'Firebase scrypt',
    'user1password',
    '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==',
  ],
  // argon2's own test.c
  ['argon2i, version 0x10', 'password', '$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ'],
  [
    'argon2id as Django writes it',
    'Parity-Pass-2026 ü',
    'argon2$argon2id$v=19$m=102400,t=2,p=8$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dg$IgorAEoC45Hed6TrnrYvCyIvYcj3785+rmJayoEyW88',
  ],
];

const wrongFor = (password: string) => `#${password.slice(1)}`;

describe('an imported password hash', () => {
  const { verify, inspectHash } = createPasswords(cheap);

  it.each(vectors)('of %s matches its password and no other, and asks to be made anew', async (_, password, hash) => {
    expect(inspectHash(hash)).toMatchObject({ tooDear: false });
    expect(await verify(hash, password)).toEqual({ ok: true, needsRehash: true });
    for (const wrong of [wrongFor(password), '']) expect(await verify(hash, wrong)).toEqual({ ok: false, needsRehash: false });
  });

  it('is told to an operator by its scheme and costs, never by its salt or digest', () => {
    const told = vectors.map(([, , hash]) => inspectHash(hash)?.description);
    expect(new Set(told)).toEqual(
      new Set([
        'bcrypt, cost 5',
        'bcrypt, cost 12',
        'pbkdf2-sha256, 10000 iterations',
        'pbkdf2-sha256, 36000 iterations',
        'pbkdf2-sha256, 870000 iterations',
        'pbkdf2-sha1, 10000 iterations',
        'pbkdf2-sha256, 6400 iterations',
        'pbkdf2-sha1, 1212 iterations',
        'pbkdf2-sha1, 4096 iterations',
        'pbkdf2-sha256, 1 iterations',
        'scrypt, N=2^14, r=8, p=1',
        'scrypt, N=2^14, r=8, p=5',
        'scrypt, N=2^16, r=8, p=1',
        'scrypt, N=2^10, r=8, p=16',
        'firebase scrypt, N=2^14, r=8, p=1',
        'argon2i, 65536 KiB, 2 passes, 1 lanes',
        'argon2id, 102400 KiB, 2 passes, 8 lanes',
      ]),
    );
  });

  it.each([
    ['bcrypt of cost 15', '$2b$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['bcrypt of cost 31', '$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['PBKDF2 of a billion iterations', 'pbkdf2_sha256$1000000000$seasalt$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y='],
    ['scrypt that wants a gibibyte', '$scrypt$ln=20,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E'],
    ['scrypt in thousands of turns', '$scrypt$ln=14,r=8,p=9999$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E'],
    [
      'scrypt of an exponent past every number',
      '$scrypt$ln=63,r=9999,p=9999$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
    ],
  ])('whose costs would stop the server is never computed: %s', async (_, hash) => {
    expect(inspectHash(hash)).toMatchObject({ tooDear: true });
    const fresh = createPasswords(cheap);
    expect(await fresh.verify(hash, 'password')).toEqual({ ok: false, needsRehash: false });
    // What is computed is remembered by the time it took.
    expect(fresh.failureFloorMs('password')).toBe(0);
  });

  it('of argon2 that asks for a gibibyte or sixty-four lanes is not taken from elsewhere', () => {
    const rest = '$c29tZXNhbHRzb21lc2FsdA$AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk';
    expect(inspectHash(`$argon2id$v=19$m=1048576,t=1,p=1${rest}`)).toMatchObject({ tooDear: true });
    expect(inspectHash(`$argon2id$v=19$m=65536,t=99,p=1${rest}`)).toMatchObject({ tooDear: true });
    expect(inspectHash(`$argon2id$v=19$m=65536,t=3,p=64${rest}`)).toMatchObject({ tooDear: true });
    expect(inspectHash(`$argon2id$v=19$m=65536,t=3,p=4${rest}`)).toMatchObject({ tooDear: false });
  });

  it.each([
    '$2b$05$short',
    '$2b$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n',
    '$2$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    'pbkdf2_sha256$0$seasalt$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y=',
    'pbkdf2_sha256$-1$seasalt$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y=',
    'pbkdf2_sha256$1e9$seasalt$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y=',
    'pbkdf2_md5$1$seasalt$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y=',
    'pbkdf2_sha256$1$seasalt$',
    'pbkdf2_sha256$1$seasalt$AAAA',
    `pbkdf2_sha256$1$seasalt$${'A'.repeat(100_000)}`,
    `pbkdf2_sha256$1$${'s'.repeat(100_000)}$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y=`,
    '$pbkdf2-sha256$i=1,l=16$c2FsdA$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y=',
    '$pbkdf2-sha256$1$!!!!$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y=',
    '$scrypt$ln=0,r=8,p=1$c2FsdA$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y=',
    '$scrypt$ln=1,r=0,p=0$c2FsdA$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y=',
    'scrypt$16383$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==',
    '$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=AAAA$c2FsdA==$AAAA',
    '$fbscrypt$v=1,n=14,r=8,p=1,ss=,sk=$$',
    'argon2$',
    '!',
    '5f4dcc3b5aa765d61d8327deb882cf99',
    '$1$salt$qJH7.N4xYta3aEG/dfqo/0',
  ])('that is none (%.60j) matches nothing, is refused to an import, and throws nothing', async (hash) => {
    expect(inspectHash(hash)).toBeNull();
    for (const password of ['password', '']) expect(await verify(hash, password)).toEqual({ ok: false, needsRehash: false });
  });

  it('that only breaks when it is computed matches nothing, and the log says so without it', async () => {
    const warnings: object[] = [];
    const { verify } = createPasswords({ ...cheap, log: { warn: (fields) => warnings.push(fields) } });
    const broken = '$argon2id$v=19$m=8,t=1,p=16$c29tZXNhbHRzb21lc2FsdA$AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk';
    expect(await verify(broken, 'password')).toEqual({ ok: false, needsRehash: false });
    expect(warnings).toHaveLength(1);
    expect(JSON.stringify(warnings)).toContain('argon2id, 8 KiB');
    expect(JSON.stringify(warnings)).not.toContain('AAcOFRwj');
  });

  it('of bcrypt does not match a password that NUL repeats', async () => {
    const hash = await hashWithBcrypt('a', 4);
    expect(await verify(hash, 'a')).toMatchObject({ ok: true });
    for (const password of ['a\0a', 'a\0', '\0a']) expect(await verify(hash, password)).toMatchObject({ ok: false });
  });

  it('matches a password that is typed in pieces, whichever way the other system hashed it', async () => {
    const composed = 'caf\u00e9-au-lait-9';
    const decomposed = 'cafe\u0301-au-lait-9';
    const [ofComposed = '', ofDecomposed = ''] = await Promise.all([composed, decomposed].map((password) => hashWithBcrypt(password, 4)));
    expect(await verify(ofComposed, composed)).toMatchObject({ ok: true });
    expect(await verify(ofComposed, decomposed)).toMatchObject({ ok: true });
    expect(await verify(ofDecomposed, decomposed)).toMatchObject({ ok: true });
    expect(await verify(ofDecomposed, composed)).toMatchObject({ ok: false });
  });

  it('of argon2id at our own costs is made anew where it matches only as typed, so that every keyboard gives the password', async () => {
    const decomposed = 'cafe\u0301-au-lait-9';
    const own = { type: argon2.argon2id, memoryCost: 1024, timeCost: 1, parallelism: 1 };
    expect(await verify(await argon2.hash(decomposed, own), decomposed)).toEqual({ ok: true, needsRehash: true });
    expect(await verify(await argon2.hash(decomposed.normalize('NFC'), own), decomposed)).toEqual({ ok: true, needsRehash: false });
  });

  it('is computed off the event loop and in the same bounded queue', async () => {
    const passwords = createPasswords({ ...cheap, concurrency: 1, maxWaiting: 1 });
    const dear = 'pbkdf2_sha256$870000$seasalt$wJSpLMQRQz0Dhj/pFpbyjMj71B2gUYp6HJS5AU+32Ac=';
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const answers = await Promise.allSettled([1, 2, 3].map(() => passwords.verify(dear, 'lètmein')));
    clearInterval(timer);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(answers[2]).toMatchObject({ reason: { code: 'passwords.busy' } });
    // On the loop, two hashes of a hundred milliseconds each would have let the timer run twice.
    expect(turns).toBeGreaterThan(5);
  });
});

describe('a wrong password for an imported hash', () => {
  it('is never less work than an unknown account, however cheap the hash is', async () => {
    let verified = 0;
    const cheapScheme = {
      recognises: (hash: string) => hash === '$cheap$',
      verify: async () => false,
      needsRehash: () => true,
      inspect: () => ({ description: 'cheap', tooDear: false }),
    };
    const passwords = createPasswords({ ...cheap, cost: { memoryKib: 65536, passes: 4, lanes: 1 }, schemes: [cheapScheme] });
    const timed = async (hash: string | null) => {
      verified += 1;
      const before = cpuMs();
      await passwords.verify(hash, 'wrong horse');
      return cpuMs() - before;
    };
    const unknown = Math.min(await timed(null), await timed(null), await timed(null));
    const known = Math.min(await timed('$cheap$'), await timed('$cheap$'), await timed('$cheap$'));
    expect(verified).toBe(6);
    // Without the dummy's work this were next to nothing.
    expect(known).toBeGreaterThan(unknown / 3);
  });

  it('sets how long failures are kept back, when it takes longer than they are', async () => {
    const passwords = createPasswords(cheap);
    expect(passwords.failureFloorMs('wrong')).toBe(0);
    await passwords.verify(null, 'wrong');
    await passwords.verify(await passwords.hash('correct horse'), 'wrong');
    expect(passwords.failureFloorMs('wrong')).toBe(0);
    const dear = 'pbkdf2_sha256$870000$seasalt$wJSpLMQRQz0Dhj/pFpbyjMj71B2gUYp6HJS5AU+32Ac=';
    const started = performance.now();
    await passwords.verify(dear, 'wrong');
    const tookMs = performance.now() - started;
    const floorMs = passwords.failureFloorMs('wrong');
    expect(floorMs).toBeGreaterThan(0);
    expect(floorMs).toBeLessThanOrEqual(tookMs * 1.25);
    // Typed in pieces, a password is tried twice.
    expect(passwords.failureFloorMs('wronge\u0301')).toBeCloseTo(2 * floorMs);
    // What a machine was busy with does not stay: the quickest counts, and something quicker of its kind does not raise it.
    await passwords.verify(dear, 'wrong again');
    expect(passwords.failureFloorMs('wrong')).toBeLessThanOrEqual(floorMs);
    await passwords.verify('$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'wrong');
    expect(passwords.failureFloorMs('wrong')).toBeGreaterThan(0);
  });
});
