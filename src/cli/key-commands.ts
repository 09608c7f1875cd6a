import type { Command } from 'commander';
import type { LiveToken, Rehearsal, SigningKeyInfo } from '../oidc/signing-keys/index.js';
import { addSeconds } from '../platform/clock.js';
import type { Services } from '../services.js';
import type { Cli } from './context.js';
import { CliError } from './failure.js';
import { formatDate, table } from './output.js';
import { wholeNumber } from './values.js';

type Json = { json?: boolean };

const iso = (date: Date | null) => date?.toISOString() ?? null;
const dataOf = (key: SigningKeyInfo) => ({
  kid: key.kid,
  alg: key.alg,
  state: key.state,
  created_at: iso(key.createdAt),
  activated_at: iso(key.activatedAt),
  retired_at: iso(key.retiredAt),
  may_sign_from: iso(key.maySignFrom),
  rotates_at: iso(key.rotatesAt),
  remove_after: iso(key.removeAfter),
  age_seconds: key.ageSeconds,
});

/** What comes next for a key. */
function outlook({ state, maySignFrom, rotatesAt, removeAfter }: SigningKeyInfo): string {
  if (state === 'next' && maySignFrom) return `may sign from ${formatDate(maySignFrom)}`;
  if (state === 'active' && rotatesAt) return `signs until ${formatDate(rotatesAt)}`;
  if (state === 'retired' && removeAfter) return `published until ${formatDate(removeAfter)}`;
  return '-';
}

const keyTable = (keys: readonly SigningKeyInfo[]) =>
  table(
    ['KEY', 'ALGORITHM', 'STATE', 'MADE', 'OUTLOOK'],
    keys.map((key) => [key.kid, key.alg, key.state, key.createdAt, outlook(key)]),
    'There are no keys.',
  );

const days = wholeNumber({ min: 1, max: 3650, what: 'a number of days' });

/** `latchkey keys ...` */
export function addKeyCommands(program: Command, cli: Cli): void {
  const keys = program.command('keys').description('the keys that sign tokens');
  keys
    .command('list')
    .description('list the keys: the next, the active and the retired ones')
    .option('--json', 'print one JSON object: {keys}')
    .action(async (options: Json) => {
      await cli.withServices(async ({ signingKeys }) => {
        const found = await signingKeys.list();
        cli.print({ data: { keys: found.map(dataOf) }, text: keyTable(found) }, options);
      });
    });
  addRotation(keys, cli);
  addRehearsal(keys, cli);
}

function addRotation(keys: Command, cli: Cli): void {
  keys
    .command('rotate')
    .description('sign with the next key from now on; the old one stays published')
    .option('--force', 'although applications may not know the next key yet: some tokens will not verify for a while')
    .option('--emergency', 'a key may be in the wrong hands: every key is gone at once, and with it what it signed')
    .option('--key <kid>', 'with --emergency: only this key')
    .option('--end-sign-ins', 'with --emergency: end every sign-in of everybody as well')
    .option('--yes', 'do a forced or an emergency rotation without being asked')
    .option('--json', 'print one JSON object: {steps, keys}, and with --emergency {revoked, ended}')
    .addHelpText('after', '\nThe server rotates by itself. Try it first: latchkey keys rehearse')
    .action(async ({ force = false, emergency, key, endSignIns, yes, json }: RotationOptions) => {
      if (!emergency && (key !== undefined || endSignIns))
        throw new CliError('--key and --end-sign-ins go with --emergency.', { usage: true });
      if (emergency) return rotateInEmergency(cli, { kid: key, endSignIns, yes, json });
      await cli.withServices(async ({ signingKeys }) => {
        if (force) await cli.confirm('Tokens will fail wherever an older copy of the JWKS is still cached.', { yes });
        const steps = await signingKeys.rotate({ force });
        const found = await signingKeys.list();
        cli.print(
          { data: { steps, keys: found.map(dataOf) }, text: `Rotated. Running servers follow within two seconds.\n${keyTable(found)}` },
          { json },
        );
      });
    });
}

type RotationOptions = Json & { force?: boolean; emergency?: boolean; key?: string; endSignIns?: boolean; yes?: boolean };

async function rotateInEmergency(
  cli: Cli,
  { kid, endSignIns = false, yes, json }: Json & { kid: string | undefined; endSignIns: boolean | undefined; yes: boolean | undefined },
): Promise<void> {
  const what = kid === undefined ? 'Every signing key' : `The signing key ${kid}`;
  const also = endSignIns ? ' Everybody has to sign in again.' : '';
  await cli.confirm(`${what} is deleted now. Tokens it signed stop verifying.${also}`, { yes });
  await cli.withServices(async ({ signingKeys, totalEnding, config }) => {
    const living = await totalEnding.countLiving();
    const steps = await signingKeys.revoke(kid === undefined ? {} : { kid });
    const revoked = steps.filter(({ action }) => action === 'revoke');
    const ended = endSignIns ? await totalEnding.endSignIns({ via: 'keys rotate --emergency' }) : null;
    const found = await signingKeys.list();
    const text = [
      `${revoked.length} ${revoked.length === 1 ? 'key is' : 'keys are'} gone, from the JWKS too: running servers follow within two seconds.\n`,
      `Ended: every JWT access token and ID token they signed, those of ${living.grants} living sign-ins among them. Applications get new ones with their refresh tokens.\n`,
      ended
        ? `Ended as well: ${ended.sessions} browser sessions, ${ended.grants} sign-ins of applications, ${ended.artifacts} codes and tokens.\n`
        : `Not ended: ${living.sessions} browser sessions and ${living.grants} sign-ins of applications; nothing of them is signed with these keys. End them too with --end-sign-ins.\n`,
      `Services that keep a copy of the JWKS believe the old keys for up to ${config.jwksMaxAgeSeconds} seconds: restart them.\n`,
      keyTable(found),
    ];
    const data = { revoked: revoked.map((step) => ({ kid: step.kid, alg: step.alg })), living, ended, steps, keys: found.map(dataOf) };
    cli.print({ data, text: text.join('') }, { json });
  });
}

function addRehearsal(keys: Command, cli: Cli): void {
  keys
    .command('rehearse')
    .description('a dry run: move the clock and report which tokens would stop verifying; exits with 1 if there are any')
    .option('--days <days>', 'how far (default: the whole life of a key made today)', days)
    .option('--rotate-now', 'begin with a forced rotation')
    .option('--json', 'print one JSON object')
    .action(async ({ days: daysAhead, rotateNow = false, json }: Json & { days?: number; rotateNow?: boolean }) => {
      await cli.withServices(async ({ signingKeys, grants, config }) => {
        const listLiveTokens = () => liveSignIns(grants, config.sessionKeptTtlSeconds);
        const rehearsal = await signingKeys.rehearse({ ...(daysAhead === undefined ? {} : { daysAhead }), rotateNow, listLiveTokens });
        cli.print({ data: rehearsal, text: describeRehearsal(rehearsal) }, { json });
        if (rehearsal.wouldFail.length > 0) cli.endWithFinding();
      });
    });
}

/**
 * The first ID token of each sign-in, which needs the oldest key: as a hint it is looked at for as long as a sign-in may last. Later ones of the
 * same grant are signed by younger keys.
 */
async function* liveSignIns(grants: Services['grants'], longestSignInSeconds: number): AsyncGenerator<LiveToken> {
  for await (const { grantId, since, expiresAt } of grants.eachSignIn()) {
    const longest = addSeconds(since, longestSignInSeconds);
    yield { kind: 'sign_in', reference: grantId, issuedAt: since, verifiedUntil: longest < expiresAt ? longest : expiresAt };
  }
}

const REASONS: Record<Rehearsal['wouldFail'][number]['reason'], string> = {
  removed_too_early: 'the key leaves the JWKS too early',
  signs_before_caches_know: 'the key signs before caches know it',
  no_such_key: 'the key is not published any more',
};

function describeRehearsal({ from, until, steps, wouldFail, liveTokens }: Rehearsal): string {
  const parts = [
    `From ${formatDate(from)} to ${formatDate(until)}; nothing was changed.\n`,
    table(
      ['WHEN', 'STEP', 'KEY', 'ALGORITHM'],
      steps.map(({ at, action, kid, alg }) => [at, action, kid, alg]),
      'Nothing is due in that time.',
    ),
  ];
  if (liveTokens.checked > 0) parts.push(`Live sign-ins looked at: ${liveTokens.checked}; would stop verifying: ${liveTokens.failing}.\n`);
  if (wouldFail.length === 0) return [...parts, 'Every token would verify for as long as it lives.\n'].join('\n');
  const failing = wouldFail.map(({ reason, kind, kid, from: since, until: end }) => [kind, kid, since, end, REASONS[reason]]);
  return [...parts, 'These would stop verifying:\n', table(['TOKEN', 'KEY', 'FROM', 'UNTIL', 'WHY'], failing, '')].join('\n');
}
