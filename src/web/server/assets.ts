import { readFileSync } from 'node:fs'
import { getAsset, isSea } from 'node:sea'

/** What the page consists of beside its HTML. */
export interface Assets {
  readonly script: string
  readonly style: string
}

/** The files that the build made for the browser. The single executable holds them; else they lie in dist/page. */
export function readAssets(): Assets {
  return { script: readAsset('page.js'), style: readAsset('page.css') }
}

function readAsset(name: string): string {
  if (isSea()) return getAsset(`page/${name}`, 'utf8')
  // Read by the bundle, in dist/cli.
  return readFileSync(new URL(`../page/${name}`, import.meta.url), 'utf8')
}
