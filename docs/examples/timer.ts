// A program that fires its own batches, such as a web server. Start as many copies of it as you like on one ledger.
import { Cron } from 'croner'
import { type Attempt, createLedger, type LedgerTask } from 'cronledger'

const ledger = createLedger({ store: process.env.CRONLEDGER_STORE ?? 'file:ledger.db' })
const DAY_MS = 86_400_000

// A timer that knows the schedule.
const NIGHT = { schedule: '0 3 * * *', timezone: 'Asia/Tokyo' }
const invoices = ledger.task({ task: 'invoices', ...NIGHT, maxAttempts: 3, catchUpMs: 3 * DAY_MS })
new Cron(NIGHT.schedule, { timezone: NIGHT.timezone }, (timer: Cron) =>
  fire(invoices, timer.currentRun() ?? new Date()),
)

// A timer that knows nothing. The task says which slot is next, also after the clock was changed.
const HOURS = { schedule: 'rate(1 hour)', anchor: '2026-01-01T00:00:00Z' }
const cleanup = ledger.task({ task: 'cleanup', ...HOURS, maxAttempts: 3, catchUpMs: DAY_MS })
let next = cleanup.nextSlot()
setInterval(() => {
  const slot = next
  next = cleanup.nextSlot()
  if (slot !== null && slot <= new Date() && slot.getTime() !== next?.getTime()) void fire(cleanup, slot)
}, 1_000)

// The slot of now, if no copy has run it yet. Leave this out if a first deployment must wait for the next slot.
for (const task of [invoices, cleanup]) void fire(task, new Date())

async function fire(task: LedgerTask, instant: Date): Promise<void> {
  try {
    const outcome = await task.tick(instant, work)
    console.log(`${outcome.task} ${outcome.slot.toISOString()}: ${outcome.status}`)
  } catch (error) {
    // The ledger cannot be reached, so nothing was started. A later tick catches up.
    console.error(error)
  }
}

/** The key makes the request safe to repeat, and the signal ends it when the program stops. */
async function work({ task, local, key, signal }: Attempt): Promise<void> {
  const response = await fetch(`${process.env.WORK_URL}/${task}/${local}`, {
    method: 'POST',
    headers: { 'Idempotency-Key': key },
    signal,
  })
  if (!response.ok) throw new Error(`the service answered ${response.status}`)
}
