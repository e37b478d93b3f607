import {
  type AttemptRecord,
  type EndedAttempt,
  EVENT_TIME_SOURCES,
  type Key,
  OUTCOMES,
  type Outcome,
  type ProcessMark,
  REJECTION_CAUSES,
  REJECTION_KINDS,
  RESOLVED_STATES,
  type Rejection,
  type Resolution,
  type ScheduleSpec,
  TRIGGER_KINDS,
  type Trigger,
} from '../types.ts'
import { type Notes, refusalsIn } from './rejections.ts'
import { ECS_OF_ATTEMPT } from './stored-ecs.ts'
import {
  damaged,
  type Fields,
  flag,
  formOf,
  INSTANT,
  INTEGER,
  integer,
  list,
  type Member,
  malformed,
  maybe,
  nested,
  object,
  oneOf,
  oneOfField,
  optional,
  type StoredDocument,
  type StoredForm,
  TEXT,
} from './stored-fields.ts'

const HOST = { host: TEXT, ecsTask: maybe(TEXT) }
export const KEY = formOf<Key>({ task: TEXT, slot: INSTANT })
const PROCESS = formOf<ProcessMark>({ pid: INTEGER, startTicks: maybe(INTEGER), boot: TEXT })

type TriggerOf<Kind> = Extract<Trigger, { kind: Kind }>
const FORCED = formOf<TriggerOf<'forced'>>({
  kind: oneOf(['forced']),
  by: TEXT,
  reason: TEXT,
  ignoresAfter: flag('after', 'ignored'),
  isFresh: flag('checkpoint', 'dropped'),
})
const SCHEDULED = formOf<TriggerOf<'scheduled'>>({
  kind: oneOf(['scheduled']),
  eventTime: INSTANT,
  source: oneOf(EVENT_TIME_SOURCES),
})
const TRIGGER = {
  encode: (trigger: Trigger) => (trigger.kind === 'forced' ? FORCED.encode(trigger) : SCHEDULED.encode(trigger)),
  decode: (fields: Fields): Trigger =>
    (oneOfField(fields, 'kind', TRIGGER_KINDS) === 'forced' ? FORCED : SCHEDULED).decode(fields),
}

export const SCHEDULE = formOf<ScheduleSpec>({
  expression: { ...TEXT, name: 'schedule' },
  zone: TEXT,
  anchor: maybe(INSTANT),
})

export const RESOLUTION = formOf<Resolution>({
  state: oneOf(RESOLVED_STATES),
  at: INSTANT,
  by: TEXT,
  reason: TEXT,
  afterAttempt: INTEGER,
})

/** An attempt of any phase, before it is known which members its phase has. */
interface AnyAttempt extends Omit<EndedAttempt, 'phase' | 'outcome'> {
  readonly phase: AttemptRecord['phase']
  readonly outcome?: Outcome
}

/** Of an attempt that runs or has ended, the phase is not stored: the outcome tells them apart. */
const PHASE: Member<AttemptRecord['phase']> = {
  encode: (phase) => (phase === 'waiting' ? phase : null),
  decode(fields, name) {
    const { outcome, endedAt } = fields.values
    const waiting = optional(fields, name, (own) => oneOfField(own, name, ['waiting']))
    if (outcome === undefined && endedAt !== undefined)
      throw damaged(fields.what, 'an attempt has an end, but no outcome')
    if (outcome !== undefined && waiting !== undefined)
      throw damaged(fields.what, 'an attempt has an outcome, but it was still waiting')
    return waiting ?? (outcome === undefined ? 'running' : 'ended')
  },
}

export const ATTEMPT = formOf<AnyAttempt>({
  number: INTEGER,
  runId: TEXT,
  trigger: nested(TRIGGER),
  ...HOST,
  ecs: maybe(ECS_OF_ATTEMPT),
  traceId: maybe(TEXT),
  since: maybe(INSTANT),
  startedAt: INSTANT,
  phase: PHASE,
  claimedAt: maybe(INSTANT),
  endedAt: maybe(INSTANT),
  outcome: maybe(oneOf(OUTCOMES)),
  exitCode: maybe(INTEGER),
  signal: maybe(TEXT),
  process: maybe(nested(PROCESS)),
  blockedBy: maybe(nested(KEY)),
  report: maybe(TEXT),
}) as StoredForm<AttemptRecord>

export const REJECTION = formOf<Rejection>({
  runId: TEXT,
  kind: oneOf(REJECTION_KINDS),
  cause: oneOf(REJECTION_CAUSES),
  at: INSTANT,
  trigger: nested(TRIGGER),
  ...HOST,
})

/** Encodes the notes. Until the list of the first rejections is full, its last item is the latest rejection. */
export function encodeNotes({ count, refused, first, latest, rejectedBy }: Notes): StoredDocument {
  return {
    rejectionCount: count,
    // A usual row has only duplicates, and must stay small.
    ...(refused > 0 && { refusalCount: refused }),
    rejections: first.map(REJECTION.encode),
    rejectedBy,
    ...(latest !== null && count !== first.length && { latestRejection: REJECTION.encode(latest) }),
  }
}

export function decodeNotes(fields: Fields): Notes {
  const first = list(fields, 'rejections', REJECTION.decode)
  const latest = optional(fields, 'latestRejection', (own, name) => REJECTION.decode(object(own, name)))
  const rejectedBy = fields.values['rejectedBy'] ?? []
  const isIds = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((id) => typeof id === 'string')
  if (!isIds(rejectedBy)) throw malformed(fields.what, `${fields.path}rejectedBy`, rejectedBy, 'a list of run ids')
  const kept = latest === undefined ? first : [...first, latest]
  return {
    count: optional(fields, 'rejectionCount', integer) ?? 0,
    // Notes from before the counter existed know only the rejections that are kept.
    refused: Math.max(optional(fields, 'refusalCount', integer) ?? 0, refusalsIn(kept)),
    first,
    latest: kept.at(-1) ?? null,
    rejectedBy,
  }
}
