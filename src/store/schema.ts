import { readFileSync } from 'node:fs'
import { getAsset, isSea } from 'node:sea'

/** AWS and other programs read these files too. The single executable contains them. */
export function readSchema(name: string): string {
  if (isSea()) return getAsset(`schema/${name}`, 'utf8')
  // The relative path is the same from `src` and from `dist`.
  return readFileSync(new URL(`../../schema/${name}`, import.meta.url), 'utf8')
}
