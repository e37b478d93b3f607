import { defined } from '../objects.ts'
import {
  type AttemptRecord,
  EVENT_TIME_SOURCES,
  type Host,
  OUTCOMES,
  type ProcessMark,
  RESOLVED_STATES,
  type Resolution,
  type ScheduleSpec,
  TRIGGER_KINDS,
  type Trigger,
} from '../types.ts'
import { decodeEcsBeside, encodeEcsBeside } from './stored-ecs.ts'
import {
  damaged,
  encodeInstant,
  encodeOptional,
  type Fields,
  instant,
  integer,
  object,
  oneOfField,
  optional,
  type StoredDocument,
  text,
} from './stored-fields.ts'

/**
 * Encodes an attempt. The stored form has no phase of an attempt that runs or has ended: the outcome tells them apart.
 */
export function encodeAttempt(attempt: AttemptRecord): StoredDocument {
  const { number, runId, trigger, startedAt, ecs, ecsTask } = attempt
  return {
    number,
    runId,
    trigger: encodeTrigger(trigger),
    ...encodeHost(attempt),
    ...(ecs && { ecs: encodeEcsBeside(ecs, ecsTask) }),
    startedAt: encodeInstant(startedAt),
    ...defined(encodePhase(attempt)),
  }
}

function encodePhase(attempt: AttemptRecord) {
  switch (attempt.phase) {
    case 'waiting':
      return { phase: attempt.phase }
    case 'running':
      return { claimedAt: encodeOptional(attempt.claimedAt), process: encodeProcess(attempt.process) }
    case 'ended': {
      const { claimedAt, endedAt, outcome, exitCode, signal, process } = attempt
      return {
        claimedAt: encodeOptional(claimedAt),
        endedAt: encodeOptional(endedAt),
        outcome,
        exitCode,
        signal,
        process: encodeProcess(process),
      }
    }
  }
}

export function decodeAttempt(fields: Fields): AttemptRecord {
  const number = integer(fields, 'number')
  const runId = text(fields, 'runId')
  const trigger = decodeTrigger(object(fields, 'trigger'))
  const host = decodeHost(fields)
  const ecs = optional(fields, 'ecs', (own, name) => decodeEcsBeside(object(own, name), host.ecsTask))
  const place = ecs === undefined ? host : { ...host, ecs }
  const startedAt = instant(fields, 'startedAt')
  const waiting = optional(fields, 'phase', (own, name) => oneOfField(own, name, ['waiting']))
  const outcome = optional(fields, 'outcome', (own, name) => oneOfField(own, name, OUTCOMES))
  const endedAt = optional(fields, 'endedAt', instant)
  if (outcome === undefined && endedAt !== undefined)
    throw damaged(fields.what, 'an attempt has an end, but no outcome')
  if (outcome !== undefined && waiting !== undefined)
    throw damaged(fields.what, 'an attempt has an outcome, but it was still waiting')
  // We must not spread what the phases share, for the reason given in `decodeRow`.
  if (waiting !== undefined) return { phase: waiting, number, runId, trigger, ...place, startedAt }
  const claimedAt = optional(fields, 'claimedAt', instant)
  const process = optional(fields, 'process', (own, name) => decodeProcess(object(own, name)))
  if (outcome === undefined) {
    return { phase: 'running', number, runId, trigger, ...place, startedAt, ...defined({ claimedAt, process }) }
  }
  const exitCode = optional(fields, 'exitCode', integer)
  const signal = optional(fields, 'signal', text)
  const rest = defined({ claimedAt, endedAt, exitCode, signal, process })
  return { phase: 'ended', number, runId, trigger, ...place, startedAt, outcome, ...rest }
}

function encodeProcess(mark: ProcessMark | undefined): StoredDocument | undefined {
  return mark && { pid: mark.pid, ...defined({ startTicks: mark.startTicks }), boot: mark.boot }
}

function decodeProcess(fields: Fields): ProcessMark {
  const startTicks = optional(fields, 'startTicks', integer)
  return { pid: integer(fields, 'pid'), ...defined({ startTicks }), boot: text(fields, 'boot') }
}

export function encodeTrigger(trigger: Trigger): StoredDocument {
  if (trigger.kind === 'forced') return { kind: 'forced', by: trigger.by, reason: trigger.reason }
  return { kind: 'scheduled', eventTime: encodeInstant(trigger.eventTime), source: trigger.source }
}

export function decodeTrigger(fields: Fields): Trigger {
  const kind = oneOfField(fields, 'kind', TRIGGER_KINDS)
  if (kind === 'forced') return { kind, by: text(fields, 'by'), reason: text(fields, 'reason') }
  const source = oneOfField(fields, 'source', EVENT_TIME_SOURCES)
  return { kind, eventTime: instant(fields, 'eventTime'), source }
}

export function encodeHost({ host, ecsTask }: Host): StoredDocument {
  return { host, ...defined({ ecsTask }) }
}

export function decodeHost(fields: Fields): Host {
  return { host: text(fields, 'host'), ...defined({ ecsTask: optional(fields, 'ecsTask', text) }) }
}

export function encodeSchedule({ expression, zone, anchor }: ScheduleSpec): StoredDocument {
  return { schedule: expression, zone, ...defined({ anchor: encodeOptional(anchor) }) }
}

export function decodeSchedule(fields: Fields): ScheduleSpec {
  const anchor = optional(fields, 'anchor', instant)
  return { expression: text(fields, 'schedule'), zone: text(fields, 'zone'), ...defined({ anchor }) }
}

export function encodeResolution({ state, at, by, reason, afterAttempt }: Resolution): StoredDocument {
  return { state, at: encodeInstant(at), by, reason, afterAttempt }
}

export function decodeResolution(fields: Fields): Resolution {
  return {
    state: oneOfField(fields, 'state', RESOLVED_STATES),
    at: instant(fields, 'at'),
    by: text(fields, 'by'),
    reason: text(fields, 'reason'),
    afterAttempt: integer(fields, 'afterAttempt'),
  }
}
