const BAR_CHARS = 24;
const number = new Intl.NumberFormat('en');

export type ImportProgress = { rows: number; rejected: number; bytesRead: number; bytesTotal: number | null; elapsedMs: number };

/** `[######------------------]  25%  25,000 rows  9,800 a second  0:08 left  12 rejected`; without a total only what is known. */
export function describeProgress({ rows, rejected, bytesRead, bytesTotal, elapsedMs }: ImportProgress): string {
  const share = bytesTotal ? Math.min(1, bytesRead / bytesTotal) : null;
  const seconds = elapsedMs / 1000;
  const rate = seconds > 0 ? Math.round(rows / seconds) : 0;
  return [
    ...(share === null
      ? []
      : [`[${'#'.repeat(Math.floor(share * BAR_CHARS)).padEnd(BAR_CHARS, '-')}] ${String(Math.floor(share * 100)).padStart(3)}%`]),
    `${number.format(rows)} rows`,
    `${number.format(rate)} a second`,
    ...(share ? [`${describeTime(seconds / share - seconds)} left`] : []),
    ...(rejected > 0 ? [`${number.format(rejected)} rejected`] : []),
  ].join('  ');
}

const describeTime = (seconds: number): string => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
