import { setImmediate as letOthersGoOn } from 'node:timers/promises';
import { HEAD, RETENTION, returnedBefore } from './chain.js';
import type { ChainedEvent, ChainRepository, KeptEvent, StoredCheckpoint } from './chain-repository.js';
import { type AuditFault, createFindings, type Findings } from './findings.js';
import type { Checkpoint, Marks } from './marks.js';

export type AuditVerification = {
  /** the first of them */
  faults: AuditFault[];
  faultCount: number;
  /** events that have their place */
  events: number;
  /** events that wait for their place; their own marks were looked at */
  unchained: number;
  /** events up to this place were deleted when they were old enough */
  deletedThrough: number;
  /** `SEQUENCE.LINK`: kept elsewhere, it shows later that nothing up to here was cut off or rewritten. null: there is no chain */
  head: string | null;
};

export type Head = { sequence: number; link: string };

/** An earlier head. @returns undefined for what is none */
export function parseHead(text: string): Head | undefined {
  const [, sequence, link] = /^(\d{1,15})\.([\w-]{43})$/.exec(text) ?? [];
  return sequence === undefined || link === undefined ? undefined : { sequence: Number(sequence), link };
}

const STRANGER = 'An event was altered, or written by somebody without the key.';
const UNMARKED = 'An event was written by somebody without the key, or by an old version.';

type Deps = { repository: ChainRepository; marks: Marks; page?: number };

/** Reads the whole log, a page at a time, beside running servers, and says what somebody did to it. */
export function createVerification({ repository, marks, page = 1000 }: Deps) {
  const isSound = (checkpoint: StoredCheckpoint) => marks.isOf(checkpoint.mac, marks.checkpoint(checkpoint));
  const isMarked = (event: KeptEvent) => event.mac !== null && marks.isOf(event.mac, marks.event(event));

  async function readHead(findings: Findings): Promise<StoredCheckpoint | null> {
    const head = await repository.findCheckpoint(HEAD);
    if (!head) findings.add('head', 'There is no chain: it was deleted, or no server has run since events are chained.');
    else if (!isSound(head)) findings.add('head', 'The end of the chain was altered.', head);
    return head;
  }

  /** Where the chain begins. */
  async function readStart(findings: Findings): Promise<Checkpoint> {
    const retention = await repository.findCheckpoint(RETENTION);
    if (retention && isSound(retention)) return retention;
    if (retention) findings.add('retention', 'The checkpoint of what retention deleted was altered.', retention);
    return { name: RETENTION, sequence: 0, link: marks.origin, madeAt: new Date(0), faults: 0, unmarked: 0 };
  }

  /** Compares what is known of the chain from elsewhere with the chain, place by place. */
  async function openComparisons(findings: Findings, earlier: Head | undefined) {
    let days = await repository.listDays('', page);
    return async ({ sequence, link }: { sequence: number; link: string }): Promise<void> => {
      if (earlier?.sequence === sequence && earlier.link !== link)
        findings.add('head', 'The chain differs from the earlier head.', { sequence });
      for (let [day] = days; day && day.sequence <= sequence; [day] = days) {
        if (!isSound(day)) findings.add('checkpoint', `The checkpoint of ${day.name} was altered.`, { sequence: day.sequence });
        else if (day.sequence === sequence && day.link !== link)
          findings.add('checkpoint', `The chain differs from what it was on ${day.name}.`, { sequence });
        days = days.length > 1 ? days.slice(1) : await repository.listDays(day.name, page);
      }
    };
  }

  /** The chain from its beginning to its last event. @returns where that was, how many there were, and where it began in the end */
  async function walk(findings: Findings, { unmarked, earlier }: { unmarked: number; earlier: Head | undefined }) {
    const compare = await openComparisons(findings, earlier);
    let start = await readStart(findings);
    let last: { sequence: number; id?: string } = { sequence: start.sequence };
    // What the link before may be: as stored, or as computed where what is stored is wrong. None: nobody knows.
    let before = start.link === '' ? [] : [start.link];
    let events = 0;

    function inspect(event: ChainedEvent): void {
      const { sequence } = event;
      if (sequence === last.sequence) {
        findings.add('moved', 'Two events stand in one place.', event);
        return;
      }
      if (sequence > last.sequence + 1) {
        const [from, to] = [last.sequence + 1, sequence - 1];
        findings.add('missing', from === to ? `Event ${from} is missing.` : `Events ${from} to ${to} are missing.`, { sequence: from });
        before = [];
      }
      const links = before.map((link) => marks.link({ sequence, before: link, event }));
      if (event.mac === null ? sequence > unmarked : !isMarked(event))
        findings.add(event.mac === null ? 'unmarked' : 'altered', event.mac === null ? UNMARKED : STRANGER, event);
      else if (event.occurredAt < returnedBefore(start))
        findings.add('returned', 'An event that retention had deleted was put back.', event);
      else if (before.length > 0 && !links.includes(event.link))
        findings.add('moved', 'An event stands in another place than it got, or its place was altered.', event);
      before = [...new Set([event.link, ...links])].slice(0, 2);
    }

    await compare(start);
    for (let rows = await repository.listAfter(last, page); rows.length > 0; rows = await repository.listAfter(last, page)) {
      for (const event of rows) {
        if (event.sequence > last.sequence + 1) {
          // Retention may have gone on meanwhile.
          const now = await repository.findCheckpoint(RETENTION);
          if (now && isSound(now) && now.sequence > last.sequence) {
            [start, last, before] = [now, { sequence: now.sequence }, [now.link]];
            await compare(start);
          }
        }
        if (event.sequence > start.sequence) {
          events += 1;
          inspect(event);
          await compare(event);
        }
        last = event;
      }
      await letOthersGoOn();
    }
    return { start, last: { sequence: last.sequence, before }, events };
  }

  /** Whether the chain ends where it is said to end, and was never longer. */
  async function inspectEnd(
    findings: Findings,
    { head, last, earlier }: { head: StoredCheckpoint | null; last: { sequence: number; before: string[] }; earlier: Head | undefined },
  ): Promise<string | null> {
    const end = await repository.findCheckpoint(HEAD);
    if (head && end && isSound(head) && isSound(end)) {
      if (last.sequence < head.sequence)
        findings.add('missing', `The newest events are missing: ${last.sequence + 1} to ${head.sequence}.`, {
          sequence: last.sequence + 1,
        });
      else if (last.sequence > end.sequence) findings.add('head', 'The chain goes on behind its end: the end was set back.', end);
      else if (last.sequence === head.sequence && !last.before.includes(head.link))
        findings.add('head', 'The end of the chain is another.', head);
    }
    const length = Math.max(last.sequence, end?.sequence ?? 0);
    for (let days = await repository.listDays('', page); days.length > 0; days = await repository.listDays(days.at(-1)?.name ?? '', page)) {
      for (const day of days.filter(({ sequence }) => sequence > last.sequence)) {
        if (!isSound(day)) findings.add('checkpoint', `The checkpoint of ${day.name} was altered.`, { sequence: day.sequence });
        else if (day.sequence > length)
          findings.add('head', `On ${day.name} the chain was longer than it is now: its end was cut off.`, day);
      }
    }
    if (earlier && earlier.sequence > length) findings.add('head', 'The chain was longer than it is now: its end was cut off.', earlier);
    return end ? `${end.sequence}.${end.link}` : null;
  }

  async function inspectUnchained(findings: Findings, unmarked: number): Promise<number> {
    let count = 0;
    let rows = await repository.listUnchainedAfter('', page);
    while (rows.length > 0) {
      count += rows.length;
      for (const event of rows) {
        if (event.mac !== null && !isMarked(event)) findings.add('altered', STRANGER, event);
        else if (event.mac === null && unmarked === 0) findings.add('unmarked', UNMARKED, event);
      }
      rows = await repository.listUnchainedAfter(rows.at(-1)?.id ?? '', page);
    }
    return count;
  }

  return async ({ earlier }: { earlier?: Head | undefined } = {}): Promise<AuditVerification> => {
    const findings = createFindings();
    const head = await readHead(findings);
    const unmarked = head && isSound(head) ? head.unmarked : 0;
    // What waits is read first: whatever gets its place meanwhile is seen there.
    const unchained = await inspectUnchained(findings, unmarked);
    const { start, last, events } = await walk(findings, { unmarked, earlier });
    const end = await inspectEnd(findings, { head, last, earlier });
    const below = await repository.countThrough(start.sequence);
    if (below > 0) findings.add('returned', `${below} events stand where the chain no longer is.`, { sequence: start.sequence });
    if (start.faults > 0)
      findings.add('retired', `${start.faults} events were missing or altered when retention deleted what was around them.`);
    return { ...findings.result(), events, unchained, deletedThrough: start.sequence, head: end };
  };
}
