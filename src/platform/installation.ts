import { existsSync } from 'node:fs';
import path from 'node:path';

/** The installation's folder, which holds package.json, views/ and prisma/: the nearest above this file, wherever a build puts what is here. */
export const root = nearestAbove(import.meta.dirname);

function nearestAbove(folder: string): string {
  if (existsSync(path.join(folder, 'package.json')) || folder === path.dirname(folder)) return folder;
  return nearestAbove(path.dirname(folder));
}
