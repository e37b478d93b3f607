// A scheduled batch as a program: start it by cron, a container or a Kubernetes CronJob.
import { readFile } from 'node:fs/promises'
import { createLedger } from 'cronledger'

const ledger = createLedger({ store: process.env.CRONLEDGER_STORE ?? 'file:ledger.db' })

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)))
}

try {
  const outcome = await ledger.run(
    {
      task: 'nightly',
      schedule: '0 3 * * *',
      timezone: 'Asia/Tokyo',
      // Left out, the time of the start decides which slot it is.
      eventTime: process.env.CRONLEDGER_EVENT_TIME,
      signal: stop.signal,
    },
    async ({ date, signal }) => {
      const invoices = await readFile(`invoices/${date}.txt`, { encoding: 'utf8', signal })
      return invoices.trim().split('\n').length
    },
  )
  // If the work throws, `run` throws the same error: nothing below is reached, and the program fails.
  switch (outcome.status) {
    case 'completed':
      console.log(`paid ${outcome.value} invoices`)
      break
    case 'unrecorded':
      console.error('the invoices are paid, but that could not be recorded: do not run this slot again')
      process.exitCode = 74
      break
    case 'duplicate':
      console.log(`nothing to do: the slot of ${outcome.slot.toISOString()} is already ${outcome.cause}`)
      break
    case 'refused':
      console.error(`nothing was started: refused (${outcome.cause})`)
      process.exitCode = 65
      break
    case 'skipped':
    case 'paused':
      console.log(`nothing to do: ${outcome.status}`)
      break
  }
} finally {
  await ledger.close()
}
