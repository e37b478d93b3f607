import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Bundles `entry` into `outfile`, with a planted bug where `mutation` is given. Throws where its text is not there once. */
export async function bundle(outfile, entry, mutation) {
  let planted = mutation === undefined
  const plant = {
    name: 'plant',
    setup: (on) =>
      on.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        // A file that reads another one beside it must still find it, because the bundle is in another folder.
        const text = (await readFile(path, 'utf8')).replaceAll('import.meta.url', `'${pathToFileURL(path).href}'`)
        if (mutation === undefined || path !== join(root, mutation.file)) return { contents: text, loader: 'ts' }
        if (text.split(mutation.from).length !== 2) throw new Error(`${mutation.name}: its text is not there once`)
        planted = true
        return { contents: text.replace(mutation.from, () => mutation.to), loader: 'ts' }
      }),
  }
  await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    plugins: [plant],
    logLevel: 'error',
  })
  if (!planted) throw new Error(`${mutation.name}: ${mutation.file} is not part of ${entry}`)
  return outfile
}
