// One process of a race on a ledger file. It claims a slot when it gets a message, and notes a rejection if it lost.
// The row to put and the rejection to note come as JSON arguments, since this file can import only the built code.
import { openFileStore } from '../../../dist/store/file/file-store.js'

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
