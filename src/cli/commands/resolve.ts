import type { Resolved } from '../../api.ts'
import { formatInstant } from '../../core/instant.ts'
import { RESOLVED_STATES, type ResolvedState } from '../../core/types.ts'
import { printable } from '../../format/text.ts'
import { createLedger } from '../../ledger.ts'
import type { Command, CommandContext } from '../command.ts'
import { EXIT } from '../exit.ts'
import { readOptions } from '../options/arguments.ts'
import { withDueBy } from '../options/due-by.ts'
import { LEDGER_TIMEOUT, type OptionTable, SLOT, STORE, TASK } from '../options/options.ts'
import { RUN_OPTIONS } from '../options/run-options.ts'
import { print } from '../output.ts'

const REGISTRY = "the registry's"

const OPTIONS = {
  ...STORE,
  ...TASK,
  ...SLOT,
  state: {
    kind: 'text',
    value: 'STATE',
    required: true,
    choices: RESOLVED_STATES.map((state) => state.toLowerCase()),
    help: 'What a person says of it',
  },
  reason: { kind: 'text', value: 'TEXT', required: true, help: 'Why, in at most 800 bytes' },
  by: { ...RUN_OPTIONS.by, help: 'Who says so' },
  schedule: { kind: 'text', value: 'EXPR', otherwise: REGISTRY, help: 'The schedule that has the slot' },
  timezone: { ...RUN_OPTIONS.timezone, otherwise: `${REGISTRY}; with --schedule, UTC` },
  anchor: RUN_OPTIONS.anchor,
  skew: RUN_OPTIONS.skew,
  ...LEDGER_TIMEOUT,
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

const WHY: Readonly<Record<Extract<Resolved, { kind: 'refused' }>['cause'], string>> = {
  running: 'it is running: stop it, or let it end',
  completed: 'it has completed: to run it again: cronledger rerun',
  newerRow: 'a newer cronledger wrote its row: update this one',
  tooManyResolutions: 'it was settled as often as a row can hold',
}

function resolvedState(word: string): ResolvedState {
  const state = RESOLVED_STATES.find((one) => one.toLowerCase() === word)
  if (state === undefined) throw new Error(`no state ${word}`)
  return state
}

export const resolve: Command = {
  help,
  async execute({ argv, env, sink }: CommandContext) {
    const values = withDueBy(readOptions(help, argv, env), { argv, env })
    const { store, state, skew: skewMs, 'ledger-timeout': ledgerTimeoutMs, ...rest } = values
    const { task, reason } = values
    const result = await createLedger({ store }).resolve({
      ...rest,
      state: resolvedState(state),
      skewMs,
      ledgerTimeoutMs,
    })
    const name = `${task} ${formatInstant(result.slot.getTime())}`
    if (result.kind === 'resolved') {
      await print(printable(`${name} is ${result.row.state}: ${reason}`))
      return EXIT.ok
    }
    sink.write(printable(`cronledger: ${name} was left as it is: ${WHY[result.cause]}`))
    return EXIT.refused
  },
}
