import { readFileSync } from 'node:fs'
import { getAsset, isSea } from 'node:sea'

/** What the page consists of beside its HTML. */
export interface Assets {
  readonly script: string
  readonly style: string
}

/** The files that the build made for the browser. The single executable holds them; else they lie in this folder. */
export function readAssets(): Assets {
  return { script: readAsset('page.js'), style: readAsset('page.css') }
}

function readAsset(name: string): string {
  if (isSea()) return getAsset(`page/${name}`, 'utf8')
  // The same place from a bundle in the folder beside this one.
  return readFileSync(new URL(`../page/${name}`, import.meta.url), 'utf8')
}
