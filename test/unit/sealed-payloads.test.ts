import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createPayloadCodec } from '../../src/oidc/adapter/payloads.js';
import { createSealer } from '../../src/platform/crypto/index.js';

function openCodec() {
  const sealer = createSealer(randomBytes(32));
  const deciphered: string[] = [];
  const unreadable: string[] = [];
  const watched = {
    ...sealer,
    open(sealed: string, context: string) {
      deciphered.push(context);
      return sealer.open(sealed, context);
    },
  };
  return { codec: createPayloadCodec(watched, (place) => unreadable.push(place)), deciphered, unreadable };
}

describe('a payload that is read again and again', () => {
  const payload = { accountId: 'ann', claims: { userinfo: { email: null } } };

  it('is deciphered once, and an object of its own for each reader', () => {
    const { codec, deciphered } = openCodec();
    const sealed = codec.seal('grant:one', payload);
    const first = codec.reopen('grant:one', sealed);
    if (first) first.accountId = 'mallory';
    expect(codec.reopen('grant:one', sealed)).toEqual(payload);
    expect(deciphered).toEqual(['grant:one']);
  });

  it('does not open where a character of it was changed, or in another row, whatever was opened before', () => {
    const { codec, unreadable } = openCodec();
    const sealed = codec.seal('grant:one', payload);
    for (let round = 0; round < 2; round++) {
      expect(codec.reopen('grant:one', sealed)).toEqual(payload);
      for (const at of [3, sealed.length >> 1, sealed.length - 2]) {
        const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
        expect(codec.reopen('grant:one', changed)).toBeUndefined();
      }
      expect(codec.reopen('grant:two', sealed)).toBeUndefined();
    }
    expect(new Set(unreadable)).toEqual(new Set(['grant:one', 'grant:two']));
    expect(unreadable).toHaveLength(8);
  });

  it('is what is there now, also after what was there before comes back', () => {
    const { codec } = openCodec();
    const [before, after] = [codec.seal('grant:one', payload), codec.seal('grant:one', { accountId: 'bob' })];
    for (const [sealed, accountId] of [
      [before, 'ann'],
      [after, 'bob'],
      [before, 'ann'],
      [after, 'bob'],
    ] as const) {
      expect(codec.reopen('grant:one', sealed)?.accountId).toBe(accountId);
    }
  });

  it('is forgotten when many others were read since, and at once when it is very large', () => {
    const { codec, deciphered } = openCodec();
    const places = Array.from({ length: 2500 }, (_, index) => `grant:${index}`);
    const rows = places.map((place) => [place, codec.seal(place, payload)] as const);
    for (const [place, sealed] of rows) codec.reopen(place, sealed);
    expect(deciphered.splice(0)).toHaveLength(2500);
    for (const [place, sealed] of rows.slice(-2000)) codec.reopen(place, sealed);
    expect(deciphered.splice(0)).toEqual([]);
    codec.reopen(...(rows[0] as [string, string]));
    expect(deciphered.splice(0)).toEqual(['grant:0']);
    const large = codec.seal('grant:large', { note: 'x'.repeat(4_000_000) });
    codec.reopen('grant:large', large);
    codec.reopen('grant:large', large);
    expect(deciphered).toEqual(['grant:large', 'grant:large']);
  });
});

describe('sealed text', () => {
  const sealer = createSealer(Buffer.alloc(32, 7));

  it('is another each time, has its random part once among many, and opens to what was sealed', () => {
    const texts = ['', 'x', 'Grüße 🔑', '\u0000', 'y'.repeat(70_000)];
    const sealed = Array.from({ length: 1000 }, (_, index) => sealer.seal(texts[index % texts.length] ?? '', 'row'));
    expect(sealed.map((text) => sealer.open(text, 'row'))).toEqual(sealed.map((_, index) => texts[index % texts.length]));
    expect(new Set(sealed.map((text) => text.slice(2, 18))).size).toBe(1000);
  });

  it('that was sealed by an older version opens', () => {
    // AES-256-GCM, key of 32 bytes 07, nonce of 12 bytes 01, associated data "row", plaintext "Grüße".
    expect(sealer.open('1.AQEBAQEBAQEBAQEBMZNKC1MgibnkuR9GK4wwqeRm4zA5tCo', 'row')).toBe('Grüße');
  });

  it.each(['', '1', '1.', '2.', '1.AAAA', `1.${'A'.repeat(60)}`, `.${'A'.repeat(60)}`])('that nobody sealed does not open: %j', (text) => {
    expect(() => sealer.open(text, 'row')).toThrow('does not open');
  });
});
