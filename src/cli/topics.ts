import { type LedgerError, quote, usageError } from '../core/errors.ts'
import { EXIT } from '../core/exit.ts'
import { didYouMean, nearest } from '../core/near.ts'
import { keysOf } from '../core/objects.ts'
import { listed } from '../format/text.ts'
import { ledgerForms } from '../store/open.ts'

type Unexplained = 'ok' | 'found' | 'noRow' | 'failed' | 'signal'

const MEANINGS: Readonly<Record<Exclude<keyof typeof EXIT, Unexplained>, string>> = {
  usage: 'wrong usage or configuration: nothing was started',
  refused: 'refused: an operator has to decide',
  bug: 'internal error',
  leaseLost: 'the lease is lost',
  unrecorded: 'COMMAND succeeded, and that is not recorded: do not run it again',
  unreachable: 'the ledger could not be reached: nothing was started',
  denied: 'access denied',
  shape: 'no usable ledger',
  timedOut: 'longer than --timeout',
  notExecutable: 'COMMAND cannot be executed',
  notFound: 'COMMAND was not found',
}

const EXIT_CODES = `Exit codes of run and rerun: that of COMMAND, or ${EXIT.signal} + n after signal n. Otherwise:

    ${EXIT.ok}  duplicate (--exit-on-duplicate sets another code), skipped or paused
${keysOf(MEANINGS)
  .map((name) => `${EXIT[name]}  ${MEANINGS[name]}`.padStart(MEANINGS[name].length + 7))
  .join('\n')}

The other commands exit with ${EXIT.ok}. check exits with ${EXIT.found} if a slot needs attention, and
show if nothing is recorded for the slot. Errors have the codes above.`

const ENVIRONMENT = `Each option of a command is also a variable, unless its help says "flag only":
--max-attempts is CRONLEDGER_MAX_ATTEMPTS. A flag takes precedence. An empty variable
counts as unset. In declare, it removes an expectation from the record.

COMMAND of run and rerun gets the environment of cronledger, without the variables
that force a slot, and these:

  CRONLEDGER_RUN_TASK        the name of the task
  CRONLEDGER_RUN_SLOT        the slot to process, in UTC
  CRONLEDGER_RUN_DATE        its date in the time zone of the schedule
  CRONLEDGER_RUN_LOCAL       its local time with the offset
  CRONLEDGER_RUN_TIMEZONE    the time zone of the schedule
  CRONLEDGER_RUN_KEY         an idempotency key, the same in every attempt
  CRONLEDGER_RUN_WINDOW_END  the next slot; empty after the last one
  CRONLEDGER_RUN_SINCE       the last completed slot, with --since-last-success
  CRONLEDGER_RUN_ATTEMPT     the number of the attempt, from 1: a fencing token
  CRONLEDGER_RUN_ID          the id of the run
  CRONLEDGER_RUN_REPORT      a file in which COMMAND says what it did
  CRONLEDGER_RUN_CHECKPOINT  a file in which an attempt keeps its progress for the next
  CRONLEDGER_RUN_ANCESTORS   the ids of the runs around this one

In a trace of OpenTelemetry, COMMAND also gets TRACEPARENT with the span of its attempt.
The run reads TRACEPARENT, OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_SDK_DISABLED.

For DynamoDB, the AWS SDK reads AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL_DYNAMODB
and the role of the task. NO_COLOR turns off colours.`

const OPERATING = `A batch failed, was missed or hangs, and somebody has to act:

1. Find the slots that need attention. A slot is one scheduled time of a task.
   The ledger is ${ledgerForms()}.
     export CRONLEDGER_STORE=LEDGER
     cronledger check                            (all tasks, the last seven days)
     cronledger check NAME                       (one task, with its commands)
2. See what happened in one slot, and what to do about it.
     cronledger show NAME --slot 2026-11-25      (or a local time, an instant, latest)
   "work" says whether a run now could repeat work that is done. "NEXT STEPS" has
   commands for the place where the batch runs. Fill in YOUR REASON and the other
   placeholders: a command in which one is left is refused.
3. Read the log of the batch, and decide by the status:
     failed      It exited with an error, timed out or was stopped. Correct the cause,
                 look at the data, then run the slot again, or mark it as completed.
     stale       It started and never reported its end. It may have done its work, or
                 still run. Look at its host and its data first.
     missed      It did not start. Find out why no trigger came, then run it.
     overdue     It has not completed in time. Look whether it still runs.
     late        It started too late. Nothing has to run.
     unusual     It completed with an unexpected result, or runs for too long. Look at
                 the data, or at what it does.
     unknown     Its record cannot be read. Update cronledger, or correct the record.
4. Run it again, or record what you know. Each is recorded with your name and reason.
     cronledger rerun NAME --slot S --reason WHY -- COMMAND
     cronledger rerun NAME --slot S --reason WHY  (on ECS and Kubernetes, where it runs)
     cronledger resolve NAME --slot S --state completed --reason WHY
   All missed and failed slots since then, each where it runs:
     cronledger rerun --all --from 02:00 --reason WHY --jobs 4
5. Stop it for a while, and let it go on:
     cronledger pause NAME --reason WHY          (or --all)
     cronledger resume NAME

The log says "The batch SUCCEEDED, but …" (exit code ${EXIT.unrecorded}): do not run it again. Paste the
command below that line. Exit code ${EXIT.unreachable}: the ledger could not be reached, and the batch
did not run. The codes: cronledger help exit-codes. In a browser: cronledger serve`

export const TOPICS: Readonly<Record<string, string>> = {
  'exit-codes': EXIT_CODES,
  environment: ENVIRONMENT,
  operating: OPERATING,
}

const OTHER_TOPICS: readonly (readonly [meant: string, names: string])[] = [
  ['exit-codes', 'codes errors'],
  ['environment', 'env variables'],
  ['operating', 'incident runbook'],
  ['docs/guides/without-aws.md', 'systemd timer cron crontab'],
  ['docs/guides/container.md', 'docker container entrypoint'],
  ['docs/guides/other-schedulers.md', 'kubernetes k8s'],
  ['docs/guides/ecs.md', 'ecs'],
  ['docs/guides/notifications.md', 'notifications slack'],
  ['docs/reference/schedules.md', 'schedule schedules'],
  ['docs/reference/library.md', 'library'],
]

export function unknownTopic(name: string, commands: readonly string[]): LedgerError {
  const topics = Object.keys(TOPICS)
  const given = name.toLowerCase()
  const [other] = OTHER_TOPICS.find(([, names]) => names.split(' ').includes(given)) ?? []
  const meant = other ?? nearest(given, [...topics, ...commands])
  const hint = meant?.endsWith('.md') ? ` See ${meant}.` : didYouMean(meant === null ? [] : [meant])
  return usageError(
    `there is no help about ${quote(name)}.${hint} The topics are ${listed(topics, 'and')}. For the commands: cronledger --help`,
  )
}
