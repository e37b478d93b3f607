import { readFileSync } from 'node:fs'
import { getAsset, isSea } from 'node:sea'

export interface Assets {
  readonly script: string
  readonly style: string
}

/** Reads the files that the build made for the browser. They are in the single executable, or else in dist/page. */
export function readAssets(): Assets {
  return { script: readPageFile('page.js'), style: readPageFile('page.css') }
}

function readPageFile(name: string): string {
  if (isSea()) return getAsset(`page/${name}`, 'utf8')
  // The path is relative to the bundle in dist/cli, which contains this code.
  return readFileSync(new URL(`../page/${name}`, import.meta.url), 'utf8')
}
