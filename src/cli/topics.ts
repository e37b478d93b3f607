const EXIT_CODES = `Exit codes of run and rerun: that of COMMAND, or 128 + n after signal n. Otherwise:

    0  duplicate (--exit-on-duplicate sets another code), skipped or paused
   64  wrong usage or configuration: nothing was started
   65  refused: an operator has to decide
   70  internal error
   73  the lease is lost
   74  COMMAND succeeded, and that is not recorded: do not run it again
   75  the ledger could not be reached: nothing was started
   77  access denied
   78  no usable ledger
  124  longer than --timeout
  126  COMMAND cannot be executed
  127  COMMAND was not found

The other commands exit with 0. check exits with 1 if a slot needs attention, and
show if nothing is recorded for the slot. Errors have the codes above.`

const ENVIRONMENT = `Each option of a command is also a variable: --max-attempts is
CRONLEDGER_MAX_ATTEMPTS. A flag takes precedence. An empty variable counts as unset.
In declare, it removes an expectation from the record.

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

export const TOPICS: Readonly<Record<string, { readonly text: string; readonly page: string }>> = {
  'exit-codes': { text: EXIT_CODES, page: 'reference/exit-codes.md' },
  environment: { text: ENVIRONMENT, page: 'reference/options.md' },
}
