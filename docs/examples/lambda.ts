// A scheduled batch as a Lambda function.
//
// The input of the schedule in EventBridge Scheduler: {"time": "<aws.scheduler.scheduled-time>"}
// An event of an EventBridge rule has `time` as well.
import { type Attempt, createLedger } from 'cronledger'

interface ScheduledEvent {
  readonly time: string
}

interface LambdaContext {
  getRemainingTimeInMillis(): number
}

// Invocations of the same instance share the ledger, so later ones use its connections again.
const ledger = createLedger({
  store: process.env.CRONLEDGER_STORE ?? 'dynamodb:cronledger',
  log: ({ event, ...members }, { task, runId }) => console.log(JSON.stringify({ event, task, runId, ...members })),
})

/** The part of the function's timeout that is kept for the end: the work stops, and its end is recorded. */
const RESERVE_MS = 10_000

// It returns undefined if the slot is done. It throws, and the invocation fails, if the work throws or is refused.
export const handler = ledger.once(
  ({ time }: ScheduledEvent, context: LambdaContext) => ({
    task: 'nightly',
    schedule: '0 3 * * *',
    timezone: 'Asia/Tokyo',
    eventTime: time,
    // Lambda invokes a function that fails two more times. With 1, these invocations would be refused.
    maxAttempts: 3,
    signal: AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS)),
    stopTimeoutMs: RESERVE_MS,
  }),
  payInvoices,
)

/** Pays the invoices of one date. The key makes the request safe to repeat, and the signal ends it in time. */
async function payInvoices({ date, key, signal }: Attempt): Promise<string> {
  const response = await fetch(`${process.env.PAYMENTS_URL}/invoices/${date}`, {
    method: 'POST',
    headers: { 'Idempotency-Key': key },
    signal,
  })
  if (!response.ok) throw new Error(`the payment service answered ${response.status}`)
  return `paid the invoices of ${date}`
}
