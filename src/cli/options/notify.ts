import { usageError } from '../../core/errors.ts'
import type { Environment } from '../../core/types.ts'
import { isTaskName } from '../../core/user-text.ts'
import type { Digest } from '../../format/check/digest.ts'
import type { LogObject } from '../../format/log/log.ts'
import { NOTIFY_FORMATS, type TitleParts, titleText } from '../../format/notifications.ts'
import { listed } from '../../format/text.ts'
import { systemClock } from '../../process/clock.ts'
import { type Notifier, openNotifier } from '../../process/notifier.ts'
import { FORCING_VARIABLES, without } from '../../run/command.ts'
import { slotVariables } from '../../run/slot-variables.ts'
import { hideSecret } from '../../store/open.ts'
import { isGiven, type Values } from './arguments.ts'
import { COMMON, variableOf } from './options.ts'

/** With these, a `cronledger` in the command could force a slot, or start notifications that start others. */
const KEPT_FROM_IT = [...FORCING_VARIABLES, ...['notify', 'notifyFormat', 'notifyOn'].map(variableOf)]

type NotifyKind = (typeof COMMON.notifyOn.choices)[number]

/**
 * The events whose kind has another name. A batch that did not run counts as failed, and so does one whose end the ledger
 * does not know. An event without a kind is never sent: for example, that an operator paused the task.
 */
const KIND_OF_EVENT: Readonly<Partial<Record<LogObject['event'] | Digest['event'], NotifyKind>>> = {
  claimed: 'started',
  completed: 'succeeded',
  repaired: 'recovered',
  unrecorded: 'failed',
  withdrawn: 'failed',
  stopped: 'failed',
  unusable: 'failed',
}

/** The kinds that are sent without `--notify-on`. A message after each success would teach its readers to ignore all. */
const USUAL_KINDS = COMMON.notifyOn.choices.filter((kind) => kind !== 'started' && kind !== 'succeeded')

/** A second delivery of a slot that is done: only one that runs now, or ran in another place, is a sign of a mistake. */
function isUsualDuplicate(event: LogObject): boolean {
  return event.event === 'duplicate' && event['cause'] !== 'running' && event['otherPlace'] === undefined
}

type NotifyValues = Pick<Values<typeof COMMON>, 'store' | 'notify' | 'notifyFormat' | 'notifyOn'>

export interface Notify extends Omit<Notifier, 'send' | 'deliver'> {
  emit(event: LogObject, about: Omit<TitleParts, 'word'>): void
  /** Null: each finding is sent by itself. */
  readonly emitDigest: ((digest: Digest) => void) | null
  deliver(digest: Digest, ms: number): Promise<string | null>
  wants(kind: NotifyKind): boolean
}

/** Null: without `--notify`. Throws a usage error for a flag with no kind of `sent`. */
export function openNotify(
  values: NotifyValues,
  { argv, env }: { readonly argv: readonly string[]; readonly env: Environment },
  sent: readonly NotifyKind[],
): Notify | null {
  const { store, notify, notifyFormat, notifyOn: kinds } = values
  if (notify === undefined) return null
  const wants = (kind: NotifyKind) => (kinds ?? USUAL_KINDS).some((wanted) => wanted === kind)
  if (isGiven('notifyOn', argv) && !sent.some(wants))
    throw usageError(`--notify-on has no kind that this command sends. Use ${listed(sent, 'or')}.`)
  const { send, ...notifier } = openNotifier(notify, systemClock)
  const base = without(KEPT_FROM_IT, env)
  const source = hideSecret(store)
  const { event: eventText, digest: digestText, hasEach } = NOTIFY_FORMATS[notifyFormat ?? COMMON.notifyFormat.default]
  // A digest is about no single slot, and must not seem to be about that of an outer run.
  const none = Object.fromEntries(
    Object.keys(slotVariables({ task: '', slot: 0, timezone: 'UTC' })).map((name) => [name, '']),
  )
  const noticeOf = (digest: Digest) => {
    const { event } = digest
    const kind = KIND_OF_EVENT[event] ?? event
    const variables = { ...none, CRONLEDGER_RUN_KIND: kind, CRONLEDGER_RUN_EVENT: event }
    return { kind, slot: event, input: `${digestText(digest, source)}\n`, env: { ...base, ...variables } }
  }
  return {
    ...notifier,
    wants,
    emit(event, about) {
      const usual = KIND_OF_EVENT[event.event] ?? COMMON.notifyOn.choices.find((one) => one === event.event)
      const kind = event['recovered'] === true && wants('recovered') ? 'recovered' : usual
      if (kind === undefined || !wants(kind) || (kinds === undefined && isUsualDuplicate(event))) return
      const word = event.event === 'unrecorded' ? event.event : kind
      const told = { title: titleText({ ...about, word }, Date.parse(event.time)), ...event }
      // A shell sees these variables, so we pass only texts whose characters are restricted.
      const task = isTaskName(about.task) ? about.task : ''
      const variables = {
        ...slotVariables({ ...about, task }),
        CRONLEDGER_RUN_KIND: kind,
        CRONLEDGER_RUN_EVENT: event.event,
      }
      send({
        kind,
        slot: `${event.task} ${event.slot}`,
        input: `${eventText(told, source)}\n`,
        env: { ...base, ...variables },
      })
    },
    emitDigest: hasEach ? null : (digest) => send(noticeOf(digest)),
    deliver: (digest, ms) => notifier.deliver(noticeOf(digest), ms),
  }
}
