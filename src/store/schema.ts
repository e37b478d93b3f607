import { readFileSync } from 'node:fs'

/** A file of `schema/` as text: the one way to what AWS and other programs read, so that a bundle has one place to change. */
export function readSchema(name: string): string {
  // The same place from `src` and from `dist`.
  return readFileSync(new URL(`../../schema/${name}`, import.meta.url), 'utf8')
}
