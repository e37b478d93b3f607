import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Bundles each of `entries` into `NAME.mjs` in `outdir`, with a planted bug if `mutation` is given. */
export async function bundle(outdir, entries, mutation) {
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
    entryPoints: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(root, file)])),
    bundle: true,
    platform: 'node',
    format: 'esm',
    outdir,
    outExtension: { '.js': '.mjs' },
    plugins: [plant],
    logLevel: 'error',
  })
  if (!planted) throw new Error(`${mutation.name}: ${mutation.file} is not part of the bundle`)
}

export async function onEachCore(queue, work) {
  const next = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await work(job)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, next))
}

/** Returns its exit code, its output and its signs of life (dots on stderr). Kills it after `silenceMs` without one. */
export function play(file, env, silenceMs) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], { env: { ...process.env, ...env } })
    let out = ''
    let signs = 0
    let limit
    const watch = () => {
      clearTimeout(limit)
      if (silenceMs !== undefined) limit = setTimeout(() => child.kill('SIGKILL'), silenceMs)
    }
    watch()
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      const [dots = ''] = String(chunk).match(/^\.*/)
      signs += dots.length
      out += String(chunk).slice(dots.length)
      watch()
    })
    child.on('close', (code) => {
      clearTimeout(limit)
      resolve({ code: code ?? 1, out, signs })
    })
  })
}
