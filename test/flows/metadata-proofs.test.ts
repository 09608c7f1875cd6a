/**
 * Discovery and behaviour agree: each value of each member of the two discovery documents is asked for and had, and what a server of this kind might
 * have and does not advertise is asked for and refused. A member without a proof fails.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { openSetting, type Proof, proofs } from '../support/metadata-proofs/index.js';

const setting = await openSetting();
afterAll(() => setting.close());

const valuesOf = (value: unknown): string[] => [value].flat().map(String);
const members = Object.entries(setting.metadata);

test('both documents say the same, and nothing in them is without a proof', () => {
  expect(setting.oauthMetadata).toEqual(setting.metadata);
  expect(members.map(([name]) => name).filter((name) => !(name in proofs))).toEqual([]);
  expect(Object.keys(proofs).filter((name) => !(name in setting.metadata))).toEqual([]);
  for (const [name, value] of members) expect(valuesOf(value).length, name).toBeGreaterThan(0);
});

describe.each(members)('%s', (name, value) => {
  const { keeps, others = [], refuses } = proofs[name] as Proof;
  const advertised = valuesOf(value);
  test.each(advertised)('is kept: %s', async (each) => {
    await keeps(setting, each);
  });
  const unadvertised = others.filter((each) => !advertised.includes(each));
  if (refuses)
    test.each(unadvertised)('says no to what is not advertised: %s', async (each) => {
      await refuses(setting, each);
    });
  // A proof that cannot fail proves nothing.
  if (unadvertised[0] !== undefined)
    test(`would be missed: ${unadvertised[0]}`, async () => {
      await expect(keeps(setting, String(unadvertised[0]))).rejects.toThrow();
    });
});
