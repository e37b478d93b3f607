import { keysOf } from '../../core/objects.ts'
import type { OptionTable } from '../../core/option.ts'
import { resolvedText, unresolvedText } from '../../format/resolve.ts'
import { createLedger } from '../../ledger.ts'
import { SETTINGS } from '../../run/settings-table.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { readOptions } from '../options/arguments.ts'
import { scheduleOf, withDueBy } from '../options/due-by.ts'
import { COMMON } from '../options/options.ts'
import { print } from '../output.ts'

const RESOLVED_STATE = { completed: 'COMPLETED', failed: 'FAILED', skipped: 'SKIPPED' } as const

const OPTIONS = {
  store: COMMON.store,
  task: COMMON.task,
  slot: COMMON.slot,
  state: {
    kind: 'choice',
    value: 'STATE',
    required: true,
    choices: keysOf(RESOLVED_STATE),
    help: 'What a person says of it',
  },
  reason: { kind: 'text', value: 'TEXT', required: true, help: 'Why, in at most 800 bytes' },
  by: { ...COMMON.by, help: 'Who says so' },
  ...scheduleOf("the registry's", 'The schedule that has the slot'),
  skewMs: SETTINGS.skewMs,
  ledgerTimeoutMs: COMMON.ledgerTimeoutMs,
} as const satisfies OptionTable

const help = {
  name: 'resolve',
  summary:
    'Puts a person’s word on a slot: what became of one that is stale or failed, or that one, also a coming one, shall not run. Scheduled triggers of a slot that is settled as completed or skipped are duplicates.',
  options: OPTIONS,
  examples: [
    [
      "cronledger resolve --store dynamodb:cronledger --task nightly --slot latest --state completed --reason 'checked by hand'",
      'it had done its work before it was killed',
    ],
    ["cronledger resolve … --slot 2026-12-24T03:00 --state skipped --reason 'not tonight'", 'before it is due'],
  ],
  notes: 'Exit codes: 0, 65 where the slot is running or has completed, else as those of run.',
} as const

export const resolve: Command = {
  help,
  async execute({ argv, env, sink }: CommandContext) {
    const values = withDueBy(readOptions(help, argv, env), { argv, env })
    const { store, state, reason } = values
    const result = await createLedger({ store }).resolve({ ...values, state: RESOLVED_STATE[state] })
    if (result.kind === 'resolved') {
      await print(resolvedText(result.row, reason))
      return EXIT.ok
    }
    sink.write(unresolvedText(result.row, result.cause, store))
    return EXIT.refused
  },
}
