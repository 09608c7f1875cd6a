import { describe, expect, it } from 'vitest';
import { createLogger, withoutRedaction } from '../../src/platform/log/index.js';

describe('the log', () => {
  it('listens for the end of the process once, however many logs there are', () => {
    const open = () => createLogger({ level: 'silent', format: 'json' });
    open();
    const before = process.listenerCount('exit');
    for (let each = 0; each < 20; each++) open();
    expect(process.listenerCount('exit')).toBe(before);
  });

  it('is the same without redaction: its place, its level, its worker; only what is looked for differs', () => {
    const lines: string[] = [];
    const log = createLogger({ level: 'info', format: 'json', worker: 3, stream: { write: (line) => void lines.push(line) } });
    const plain = withoutRedaction(log);
    for (const each of [log, plain]) {
      each.debug('too fine');
      each.info({ member: 'GET /token?code=abc', status: 200 }, 'GET /token?code=abc');
    }
    const [searched, unsearched] = lines.map((line) => ({ ...JSON.parse(line), time: 0 }));
    expect(lines).toHaveLength(2);
    expect(searched).toEqual({
      level: 30,
      time: 0,
      worker: 3,
      member: 'GET /token?code=[redacted]',
      status: 200,
      msg: 'GET /token?code=[redacted]',
    });
    expect(unsearched).toEqual({ ...searched, member: 'GET /token?code=abc', msg: 'GET /token?code=abc' });
  });
});
