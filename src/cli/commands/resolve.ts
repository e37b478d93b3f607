import { keysOf } from '../../core/objects.ts'
import { DEFAULT_SKEW_MS, RESOLVED_STATE } from '../../core/row/policy.ts'
import { statusOfRow } from '../../core/row/status.ts'
import { EXIT } from '../../exit-code.ts'
import { resolvedText, unresolvedText } from '../../format/resolve.ts'
import { rowJson } from '../../format/row.ts'
import { safeJson } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import { systemClock } from '../../process/clock.ts'
import { defineCommand } from '../command.ts'
import { COMMON, type CommandHelp } from '../options/options.ts'
import { print } from '../output.ts'

const help = {
  name: 'resolve',
  summary:
    'Record the outcome of a stale or failed slot by hand, or skip a slot, also one that is not due yet. Starts nothing. Later scheduled triggers of a slot that is completed or skipped are duplicates.',
  options: {
    store: COMMON.store,
    task: COMMON.task,
    slot: COMMON.slot,
    state: {
      kind: 'choice',
      value: 'STATE',
      required: true,
      choices: keysOf(RESOLVED_STATE),
      help: 'New state to record',
    },
    run: {
      kind: 'text',
      value: 'ID',
      help: 'Run id of the latest attempt, if you know that this run has ended',
      details:
        'Then the slot is resolved even if the lease of that run still holds. If the run is still alive, it stops at its next heartbeat and cannot record its result. Until it stops, another run may start at the same time.',
    },
    reason: { ...COMMON.reason, required: true },
    by: { ...COMMON.by, group: 'Options' },
    json: { ...COMMON.json, help: 'Print the record as JSON (schema/row.schema.json)' },
    ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
  },
  takesTask: true,
  examples: [
    [
      "cronledger resolve nightly --store dynamodb:cronledger --slot latest --state completed --reason 'checked by hand'",
      'the batch had done its work before it was killed',
    ],
    [
      "cronledger resolve nightly … --slot latest --run 0a1b2c3d4e5f60718293 --state completed --reason 'see its log'",
      'its batch succeeded, but the run could not record that; without waiting for the lease to end',
    ],
    ["cronledger resolve nightly … --slot 2026-12-24T03:00 --state skipped --reason 'holiday'", 'skip a future slot'],
  ],
  notes:
    'Give --run only if that run has ended. If it is still alive, another run may start before it stops.\nExit codes: 0, 65 if the slot is running or completed, if it is not due and is not to be skipped, or if its latest attempt is not of the run that --run names, otherwise as in run.',
} as const satisfies CommandHelp

export const resolve = defineCommand(help, async (values, { sink }) => {
  const { store, task, state, reason, run: runId } = values
  const result = await createLedger({ store }).resolve({ ...values, runId, state })
  if (result.kind === 'resolved') {
    await print(
      values.json
        ? safeJson(rowJson(result.row, statusOfRow(result.row, { now: systemClock.now(), skewMs: DEFAULT_SKEW_MS })), 2)
        : resolvedText(result.row, RESOLVED_STATE[state], reason),
    )
    return EXIT.ok
  }
  sink.write(unresolvedText(result, { store, task, slot: result.slot.getTime(), state: RESOLVED_STATE[state], runId }))
  return EXIT.refused
})
