import { invalidMetadata } from './errors.js';
import type { ClientRow } from './record.js';
import { clientIdPattern } from './schemas.js';

/** Where a page of clients ended. */
export const writeCursor = ({ createdAt, id }: ClientRow) => Buffer.from(`${createdAt.getTime()} ${id}`).toString('base64url');

/** @throws AppError `clients.invalid` for what no list gave */
export function readCursor(cursor: string): { createdAt: Date; id: string } {
  const [time = '', id = ''] = Buffer.from(cursor, 'base64url').toString().split(' ', 2);
  const createdAt = new Date(Number(time));
  if (!/^\d{1,15}$/.test(time) || Number.isNaN(createdAt.getTime()) || !clientIdPattern.test(id)) {
    throw invalidMetadata([{ path: 'cursor', message: 'is not one that a list gave' }]);
  }
  return { createdAt, id };
}
