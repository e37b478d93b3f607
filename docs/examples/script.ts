// A scheduled batch as a program: start it by cron, a container or a Kubernetes CronJob.
import { readFile } from 'node:fs/promises'
import { createLedger, exitCodeOf } from 'cronledger'

const ledger = createLedger({ store: process.env.CRONLEDGER_STORE ?? 'file:ledger.db' })

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)))
}

try {
  // Unlike `run`, `tryRun` also returns a failure, a refusal, and a success that may not be recorded.
  const outcome = await ledger.tryRun(
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
  process.exitCode = exitCodeOf(outcome)
  switch (outcome.status) {
    case 'completed':
      console.log(`paid ${outcome.value} invoices`)
      break
    case 'failed':
      console.error('the invoices may be half paid:', outcome.error)
      break
    case 'unrecorded':
      console.error('the invoices are paid, but that may not be recorded: do not run this slot again')
      break
    case 'duplicate':
      console.log(`nothing to do: the slot of ${outcome.slot.toISOString()} is already ${outcome.cause}`)
      break
    case 'refused':
      console.error(`nothing was started: refused (${outcome.cause})`)
      break
    case 'skipped':
    case 'paused':
      console.log(`nothing to do: ${outcome.status}`)
      break
  }
} finally {
  await ledger.close()
}
