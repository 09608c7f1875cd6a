import path from 'node:path';

/** The installation's folder, which holds views/ and prisma/; this file is two below it, as source and as built. */
export const root = path.resolve(import.meta.dirname, '../..');
