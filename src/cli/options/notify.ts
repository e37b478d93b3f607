import { usageError } from '../../core/errors.ts'
import type { Environment } from '../../core/types.ts'
import type { LogObject } from '../../format/log/log.ts'
import { systemClock } from '../../process/clock.ts'
import { type Notifier, openNotifier } from '../../process/notifier.ts'
import { FORCING_VARIABLES, without } from '../../run/command.ts'
import type { Values } from './arguments.ts'
import { COMMON, variableOf } from './options.ts'

/**
 * The variables that the notification command must not get. Otherwise a `cronledger` in it could force a slot, or start
 * notifications of its own, which would start others.
 */
const KEPT_FROM_IT = [...FORCING_VARIABLES, ...['notify', 'notifyOn'].map(variableOf)]

/**
 * The kinds of those events that have another name in the log. A batch that did not run counts as failed, and so does a
 * batch whose end the ledger does not know.
 */
const KIND_OF_EVENT: Readonly<Record<string, string>> = {
  unrecorded: 'failed',
  withdrawn: 'failed',
  unusable: 'failed',
}

type NotifyValues = Pick<Values<typeof COMMON>, 'notify' | 'notifyOn'>

export interface Notify extends Omit<Notifier, 'send'> {
  /** Sends a notification if the event is of a kind that the user asked for. */
  emit(event: LogObject): void
}

/** Opens a notifier, or returns null without `--notify`. Throws a usage error for `--notify-on` without `--notify`. */
export function openNotify(values: NotifyValues, env: Environment): Notify | null {
  const { notify, notifyOn: kinds } = values
  if (notify === undefined) {
    if (kinds === undefined) return null
    throw usageError('--notify-on requires --notify.')
  }
  const { send, ...notifier } = openNotifier(notify, systemClock)
  const base = without(KEPT_FROM_IT, env)
  return {
    ...notifier,
    emit(event) {
      const kind = KIND_OF_EVENT[event.event] ?? event.event
      if (!(kinds ?? COMMON.notifyOn.choices).some((wanted) => wanted === kind)) return
      // A shell sees these variables, so we pass only two texts of the event, whose characters are restricted.
      const facts = { CRONLEDGER_RUN_TASK: event.task, CRONLEDGER_RUN_SLOT: event.slot }
      send({
        kind,
        slot: `${event.task} ${event.slot}`,
        input: `${JSON.stringify(event)}\n`,
        env: { ...base, ...facts },
      })
    },
  }
}
