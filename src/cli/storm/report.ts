import { table } from '../output.js';

/** What one path must hold: one winner a token, or (refresh) any number of winners that all hold the same successor. */
export type Guarantee = 'one winner' | 'one lineage';

/** One token, asked for by many at once. */
export type Volley = {
  /** requests that were let in, or distinct successors among them */
  winners: number;
  /** answers by status; `failed` for those that got none */
  answers: Record<string, number>;
  ms: number;
};

export type PathReport = { path: string; guarantee: Guarantee; volleys: readonly Volley[] };

export type PathSummary = {
  path: string;
  guarantee: Guarantee;
  tokens: number;
  requests: number;
  winners_per_token: { min: number; max: number };
  answers: Record<string, number>;
  server_errors: number;
  ms: number;
  holds: boolean;
};

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

/** 503 tells to come again and is no fault of a flood's; every other 5xx is one. */
const isFault = (status: string) => status === 'failed' || (status.startsWith('5') && status !== '503');

export function summarize({ path, guarantee, volleys }: PathReport): PathSummary {
  const answers: Record<string, number> = {};
  for (const volley of volleys)
    for (const [status, count] of Object.entries(volley.answers)) answers[status] = (answers[status] ?? 0) + count;
  // A token that limits kept everybody from trying (429, 503) says nothing about who wins.
  const tried = volleys.filter((volley) => Object.keys(volley.answers).some((status) => status !== '429' && status !== '503'));
  const winners = tried.map((volley) => volley.winners);
  const server_errors = sum(Object.entries(answers).map(([status, count]) => (isFault(status) ? count : 0)));
  return {
    path,
    guarantee,
    tokens: tried.length,
    requests: sum(Object.values(answers)),
    winners_per_token: { min: Math.min(...winners), max: Math.max(...winners) },
    answers,
    server_errors,
    ms: Math.round(sum(volleys.map(({ ms }) => ms))),
    holds: tried.length > 0 && winners.every((count) => count === 1) && server_errors === 0,
  };
}

export function describeSummaries(summaries: readonly PathSummary[]): string {
  const rows = summaries.map(
    ({ path, guarantee, tokens, requests, winners_per_token: { min, max }, answers, server_errors, ms, holds }) => [
      path,
      tokens,
      requests,
      `${min === max ? min : `${min} to ${max}`}${guarantee === 'one lineage' ? ' lineage' : ''}`,
      Object.entries(answers)
        .map(([status, count]) => `${status}: ${count}`)
        .join(', '),
      server_errors,
      ms,
      holds ? 'holds' : 'BROKEN',
    ],
  );
  return table(
    ['PATH', 'TOKENS', 'REQUESTS', 'WINNERS PER TOKEN', 'ANSWERS', '5XX (NOT 503)', 'MS', 'GUARANTEE'],
    rows,
    'Nothing was tried.',
  );
}
