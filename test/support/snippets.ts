import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

/** A code block of the README, by the name in the comment above it. */
export function readSnippet(name: string): string {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  const match = new RegExp(`<!-- snippet: ${name} -->\\n\`\`\`(?:js|json)\\n([\\s\\S]*?)\`\`\`\\n<!-- /snippet -->`).exec(readme);
  if (!match?.[1]) throw new Error(`README.md has no snippet ${name}`);
  return match[1];
}

/** Writes a snippet where its imports resolve as they would in a project. @returns the file */
export function writeSnippet(name: string, unique: string): string {
  const folder = path.join(root, '.build', 'snippets');
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name}-${unique}.mjs`);
  writeFileSync(file, readSnippet(name));
  return file;
}
