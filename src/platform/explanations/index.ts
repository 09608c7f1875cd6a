/**
 * Owns: keeping why requests were refused, for a day, under a short id that whoever was refused is told; and that nobody fills the database with it.
 * Does not own: what an explanation says (oidc/refusals, pages/error-edge).
 */
import { randomBytes } from 'node:crypto';
import { addSeconds, now, nowDate } from '../clock.js';
import type { Sealer } from '../crypto/index.js';
import type { Database } from '../db/index.js';
import type { Logger } from '../log/index.js';
import { createBudget } from './budget.js';
import { createExplanationRepository, type ExplanationRow } from './repository.js';

/** One thing that was compared. Never a secret. */
export type Comparison = { what: string; expected: string; received: string };

export type Explanation = {
  /** the endpoint or page */
  where: string;
  /** error code */
  error: string;
  /** what the other side was told */
  description: string | null;
  /** what it was not told */
  reason: string | null;
  clientId: string | null;
  comparisons: Comparison[];
  /** what to look at next */
  hints: string[];
};

export type KeptExplanation = Explanation & { id: string; at: Date; requestId: string | null };

export type Explanations = {
  /**
   * Notes an explanation; it is written within a second, together with others. The same one within a minute has the same id.
   * @param by whose share of what may be kept it takes
   * @returns its id; undefined: too many just now, and it is not kept
   */
  note(explanation: Explanation, by: { ip: string; requestId: string }): string | undefined;
  /** @param id as it was told; in any case, with or without hyphen */
  find(id: string): Promise<KeptExplanation | null>;
  flush(): Promise<void>;
};

/** Without letters that are taken for others (Crockford). */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const KEPT_SECONDS = 86_400;
const SOON_MS = 1000;
const SAME_MS = 60_000;
/** Rows of one client, and of all, that are kept at most. */
const MOST = { ofClient: 1000, inAll: 20_000 };

/** 50 bits: nobody guesses one, and it can be read out over a telephone. */
function createId(): string {
  const letters = [...randomBytes(10)].map((byte) => ALPHABET[byte % 32]).join('');
  return `${letters.slice(0, 5)}-${letters.slice(5)}`;
}

/** @returns undefined for what is no id */
export function readExplanationId(text: string): string | undefined {
  const letters = text.trim().toUpperCase().replaceAll('-', '').replaceAll('O', '0').replace(/[IL]/g, '1');
  return /^[0-9A-HJKMNP-TV-Z]{10}$/.test(letters) ? `${letters.slice(0, 5)}-${letters.slice(5)}` : undefined;
}

const placeOf = (id: string) => `explanation:${id}`;

export function createExplanations({
  db,
  sealer,
  log,
  most = MOST,
}: {
  db: Database;
  sealer: Sealer;
  log: Pick<Logger, 'warn'>;
  most?: { ofClient: number; inAll: number };
}): Explanations {
  const rows = createExplanationRepository(db);
  const budget = createBudget();
  const recent = new Map<string, { id: string; until: number }>();
  let waiting: ExplanationRow[] = [];
  let trimmedAt = now();
  let writtenFor = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();

  function forgetOld(): void {
    for (const [key, { until }] of recent) {
      // In the order they were made.
      if (until > now()) return;
      recent.delete(key);
    }
  }

  /** Once a minute: what is more than may be kept goes, the oldest first. */
  async function trim(): Promise<void> {
    if (now() - trimmedAt < 60_000) return;
    trimmedAt = now();
    const clients = writtenFor;
    writtenFor = new Set();
    for (const client of clients) await rows.trim(most.ofClient, client);
    await rows.trim(most.inAll);
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const batch = waiting;
    waiting = [];
    for (const { clientId } of batch) if (clientId !== null) writtenFor.add(clientId);
    flushing = flushing.then(async () => {
      try {
        if (batch.length > 0) await rows.insertAll(batch);
        await trim();
      } catch (error) {
        log.warn({ err: error, count: batch.length }, 'explanations of refusals could not be kept');
      }
    });
    return flushing;
  }

  return {
    note(explanation, { ip, requestId }) {
      forgetOld();
      const key = JSON.stringify(explanation);
      const same = recent.get(key);
      if (same) return same.id;
      if (!budget.take({ clientId: explanation.clientId, ip })) return undefined;
      const [id, at] = [createId(), nowDate()];
      recent.set(key, { id, until: now() + SAME_MS });
      const payload = sealer.seal(JSON.stringify({ ...explanation, requestId }), placeOf(id));
      waiting.push({ id, clientId: explanation.clientId, payload, createdAt: at, expiresAt: addSeconds(at, KEPT_SECONDS) });
      timer ??= setTimeout(() => void flush(), SOON_MS).unref();
      return id;
    },
    async find(text) {
      const id = readExplanationId(text);
      if (id === undefined) return null;
      await flush();
      const row = await rows.find(id);
      if (!row || row.expiresAt <= nowDate()) return null;
      return {
        ...(JSON.parse(sealer.open(row.payload, placeOf(id))) as Explanation & { requestId: string | null }),
        id,
        at: row.createdAt,
      };
    },
    flush,
  };
}
