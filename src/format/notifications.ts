import type { Instant } from '../core/types.ts'
import type { Digest } from './check/digest.ts'
import { briefTime } from './local-time.ts'
import type { LogObject } from './log/log.ts'
import { printable } from './text.ts'

interface NotifyFormat {
  /** `source` is the address of the ledger. */
  readonly event: (event: LogObject, source: string) => string
  readonly digest: (digest: Digest, source: string) => string
  /** A check without --once sends each finding as an event. */
  readonly hasEach: boolean
}

export const NOTIFY_FORMAT_NAMES = ['json', 'cloudevents'] as const

export const NOTIFY_FORMATS: Readonly<Record<(typeof NOTIFY_FORMAT_NAMES)[number], NotifyFormat>> = {
  json: { event: (event) => JSON.stringify(event), digest: (digest) => JSON.stringify(digest), hasEach: false },
  cloudevents: {
    event: (event, source) => JSON.stringify(cloudEvent(event, source)),
    digest: (digest, source) => JSON.stringify({ ...envelope(digest, source), id: digest['number'], data: digest }),
    hasEach: true,
  },
}

/** An event that is sent twice has the same id both times. Source: CloudEvents 1.0.2, "JSON event format", structured mode. */
function cloudEvent(event: LogObject, store: string) {
  // A finding of a check has no run, and its row may have attempts.
  const [runId, attempt = 0, attempts = 0] = ['runId', 'attempt', 'attempts'].map((name) => event[name])
  const subject = `${event.task}/${event.slot}`
  const id = runId === undefined ? [subject, event.event, attempts] : [runId, event.event, attempt]
  return { ...envelope(event, store), id: id.join('/'), subject, data: event }
}

function envelope({ event, time }: LogObject | Digest, store: string) {
  return {
    specversion: '1.0',
    source: encodeURI(store),
    type: `cronledger.${event}`,
    time,
    datacontenttype: 'application/json',
  }
}

export interface TitleParts {
  /** `failed`: the status, or the kind of the event. */
  readonly word: string
  readonly task: string
  readonly slot: Instant
  readonly timezone: string
  readonly owner: string | undefined
  readonly cause: string
}

/** Returns the title of a notification about one slot: `FAILED pay/capture 03:00 JST (Payments): disk full`. */
export function titleText({ word, task, slot, timezone, owner, cause }: TitleParts, now: Instant): string {
  const whose = owner === undefined ? '' : ` (${owner})`
  const [brief] = cause.split(/\.\s/)
  return printable(`${word.toUpperCase()} ${task} ${briefTime(slot, slot, timezone, now)}${whose}: ${brief}`)
}
