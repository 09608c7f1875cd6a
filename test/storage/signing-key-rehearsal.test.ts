import { describe, expect, it, vi } from 'vitest';
import { databases } from '../support/database.js';
import { DAY_SECONDS, HOUR_SECONDS, kidOf, pass, useSigningKeys } from '../support/signing-keys.js';

describe.each(databases)('signing keys in a rehearsal on %s', (provider) => {
  const { open, client } = useSigningKeys(provider);

  it('pass through their whole lives without a token failing, and nothing is changed', async () => {
    const keys = await open();
    const before = await client().signingKey.findMany();
    const { steps, wouldFail } = await keys.rehearse();
    expect(wouldFail).toEqual([]);
    expect(new Set(steps.map(({ action }) => action))).toEqual(new Set(['create', 'promote', 'retire', 'remove']));
    expect(steps.map(({ at }) => at.getTime())).toEqual(steps.map(({ at }) => at.getTime()).sort((a, b) => a - b));
    expect(await client().signingKey.findMany()).toEqual(before);
  });

  it('that are kept too short a time are named with the sign-ins and tokens they would take along', async () => {
    const keys = await open();
    const active = await kidOf(keys, 'active');
    const { wouldFail } = await keys.rehearse({ settings: { retainSeconds: HOUR_SECONDS } });
    expect(wouldFail.filter(({ kid }) => kid === active)).toEqual([
      expect.objectContaining({ reason: 'removed_too_early', kind: 'sign_in' }),
      expect.objectContaining({ reason: 'removed_too_early', kind: 'access_token' }),
    ]);
  });

  it('that sign before caches know them are named with the time in which new tokens fail', async () => {
    const keys = await open();
    // The first two keys were published together: no cache can hold one without the other.
    expect((await keys.rehearse({ rotateNow: true })).wouldFail).toEqual([]);
    pass(DAY_SECONDS);
    await keys.rotate();
    const { wouldFail } = await keys.rehearse({ rotateNow: true });
    expect(wouldFail).toEqual([
      expect.objectContaining({ reason: 'signs_before_caches_know', kind: 'new_token', until: new Date(Date.now() + 3600_000) }),
    ]);
    const hasty = await keys.rehearse({ settings: { publishAheadSeconds: 60, rotationSeconds: 120 }, daysAhead: 1 });
    expect(hasty.wouldFail.length).toBeGreaterThan(0);
    pass(DAY_SECONDS);
    expect((await keys.rehearse({ rotateNow: true })).wouldFail).toEqual([]);
  });

  it('are checked against each live sign-in by the time it began', async () => {
    const keys = await open({ retainSeconds: DAY_SECONDS });
    const issuedAt = new Date();
    const daysOn = (days: number) => new Date(issuedAt.getTime() + days * DAY_SECONDS * 1000);
    const { wouldFail, liveTokens } = await keys.rehearse({
      listLiveTokens: async () => [
        { kind: 'sign_in', reference: 'short', issuedAt, verifiedUntil: daysOn(1) },
        { kind: 'sign_in', reference: 'long', issuedAt, verifiedUntil: daysOn(60) },
        { kind: 'sign_in', reference: 'over', issuedAt, verifiedUntil: issuedAt },
        { kind: 'access_token', reference: 'orphan', kid: 'gone', issuedAt, verifiedUntil: daysOn(1) },
      ],
    });
    expect(wouldFail.filter(({ reference }) => reference).map(({ reference, reason }) => `${reference} ${reason}`)).toEqual([
      'orphan no_such_key',
      'long removed_too_early',
    ]);
    expect(liveTokens).toEqual({ checked: 4, failing: 2 });
  });

  it('do what is later really done', async () => {
    const keys = await open();
    const { steps } = await keys.rehearse({ daysAhead: 62 });
    const rehearsed = steps.map(({ at, action }) => `${at.toISOString()} ${action}`);
    const real: string[] = [];
    for (const moment of [...new Set(steps.map(({ at }) => at.getTime()))]) {
      vi.setSystemTime(moment);
      for (const step of [
        ...(await keys.rotateIfDue()),
        ...(await keys.removeExpired()).map(() => ({ action: 'remove', retiredKid: undefined })),
      ]) {
        if (step.retiredKid) real.push(`${new Date().toISOString()} retire`);
        real.push(`${new Date().toISOString()} ${step.action}`);
      }
    }
    expect(real).toEqual(rehearsed);
  });
});
