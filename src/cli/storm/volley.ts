import type { Answer } from './browser.js';
import type { Volley } from './report.js';

/**
 * Sends many requests at the same moment, each on a connection of its own.
 * @param options.winner what makes an answer one that was let in; equal texts count once (one lineage)
 */
export async function fire(
  connections: number,
  send: (index: number) => Promise<Answer>,
  winner: (answer: Answer, index: number) => string | undefined,
): Promise<Volley & { all: readonly (Answer | undefined)[] }> {
  const started = performance.now();
  const all = await Promise.all(Array.from({ length: connections }, (_, index) => send(index).catch(() => undefined)));
  const ms = performance.now() - started;
  const answers: Record<string, number> = {};
  for (const answer of all) {
    const status = String(answer?.status ?? 'failed');
    answers[status] = (answers[status] ?? 0) + 1;
  }
  const winners = new Set(all.map((answer, index) => answer && winner(answer, index)).filter((mark) => mark !== undefined));
  return { winners: winners.size, answers, ms, all };
}
