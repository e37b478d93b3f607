// One process of a race on a ledger file: claims a slot when it is told to, and notes a rejection where it lost.
// Takes the row to put and the rejection to note as JSON, since the built code is all that it may import.
import { openFileStore } from '../../dist/store/file/file-store.js'

const [path, row, rejection] = process.argv.slice(2)
process.once('message', async () => {
  const store = openFileStore(path)
  const call = () => ({ signal: AbortSignal.timeout(300_000) })
  const result = await store.put(JSON.parse(row), 'absent', call())
  const noted = result.kind === 'conflict' && (await store.note(JSON.parse(row), JSON.parse(rejection), call()))
  store.close()
  process.send({ result, noted }, () => process.disconnect())
})
process.send('ready')
