import { usageError } from '../../core/errors.ts'
import type { LogObject } from '../../format/log.ts'
import { systemClock } from '../../process/clock.ts'
import { type Notifier, openNotifier } from '../../process/notifier.ts'
import { FORCING_VARIABLES, without } from '../../run/command.ts'
import type { Environment, Values } from './arguments.ts'
import { type OptionTable, variableOf } from './options.ts'

/** One set for all commands, since one environment serves them all: each tells of those that it meets. */
const KINDS = ['duplicate', 'refused', 'skipped', 'failed', 'missed', 'stale', 'late'] as const

export const NOTIFY = {
  notify: {
    kind: 'text',
    value: 'CMD',
    otherwise: 'nobody is told',
    help: 'Tell somebody: a shell command that gets the event as JSON on its stdin, for 10s at most',
  },
  'notify-on': {
    kind: 'words',
    value: 'KIND[,…]',
    choices: KINDS,
    otherwise: 'all',
    help: 'Of what --notify tells: a run of the first four, check of the last four',
  },
} as const satisfies OptionTable

/** A notification is no way to force a slot, nor to start notifications of its own, which would have no end. */
const KEPT_FROM_IT = [...FORCING_VARIABLES, ...Object.keys(NOTIFY).map(variableOf)]

/** The log's names of events that are told of as another kind: a batch that did not run, or nobody knows how, has failed. */
const KIND_OF_EVENT: Readonly<Record<string, string>> = {
  unrecorded: 'failed',
  withdrawn: 'failed',
  unusable: 'failed',
}

export interface Notify extends Omit<Notifier, 'send'> {
  /** Has somebody told, if it is of a kind that was asked for. */
  emit(event: LogObject): void
}

/** Null where nobody is to be told. */
export function openNotify(values: Values<typeof NOTIFY>, env: Environment): Notify | null {
  const { notify, 'notify-on': kinds } = values
  if (notify === undefined) {
    if (kinds === undefined) return null
    throw usageError('--notify-on is given, but no --notify; give the command that tells somebody, or leave it out')
  }
  const { send, ...notifier } = openNotifier(notify, systemClock)
  const base = without(KEPT_FROM_IT, env)
  return {
    ...notifier,
    emit(event) {
      const kind = KIND_OF_EVENT[event.event] ?? event.event
      if (!(kinds ?? KINDS).some((wanted) => wanted === kind)) return
      // No text of the event's but these two, whose characters are known: a shell sees them.
      const facts = { CRONLEDGER_RUN_TASK: event.task, CRONLEDGER_RUN_SLOT: event.slot }
      send({ kind, input: `${JSON.stringify(event)}\n`, env: { ...base, ...facts } })
    },
  }
}
