// A process whose threads open one ledger file again for every call: FILE NAME THREADS CALLS.
import { fileURLToPath } from 'node:url'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { openFileStore, setUpFile } from '../../../dist/store/file/file-store.js'

const [path, name, threads, calls] = isMainThread ? process.argv.slice(2) : workerData

if (isMainThread) {
  process.once('message', async () => {
    const workers = Array.from({ length: Number(threads) }, (_, index) => {
      const own = [path, `${name}-${index}`, 0, calls]
      return new Worker(fileURLToPath(import.meta.url), { workerData: own })
    })
    const errors = await Promise.all(
      workers.map(
        (worker) =>
          new Promise((resolve) => {
            let failure = null
            worker.once('error', (error) => {
              failure = error.message
            })
            worker.once('exit', () => resolve(failure))
          }),
      ),
    )
    process.send(errors, () => process.disconnect())
  })
  process.send('ready')
} else {
  const at = Date.parse('2026-01-02T03:00:00Z')
  await setUpFile(path, { signal: AbortSignal.timeout(60_000) })
  for (let call = 0; call < calls; call += 1) {
    const store = openFileStore(path)
    const key = { kind: '#task', task: `${name}-${call}` }
    const signal = AbortSignal.timeout(60_000)
    const written = await store.writeEntry(key, { version: 1, document: { at } }, 'absent', { signal })
    if (written !== 'ok') throw new Error(`call ${call}: ${written}`)
    store.close()
  }
}
