import { readFileSync } from 'node:fs'
import { getAsset, isSea } from 'node:sea'

/** A file of `schema/` as text: the one way to what AWS and other programs read, which the single executable holds. */
export function readSchema(name: string): string {
  if (isSea()) return getAsset(`schema/${name}`, 'utf8')
  // The same place from `src` and from `dist`.
  return readFileSync(new URL(`../../schema/${name}`, import.meta.url), 'utf8')
}
