import { defined } from '../objects.ts'
import { REJECTION_CAUSES, REJECTION_KINDS, type Rejection } from '../types.ts'
import { type Notes, refusalsIn } from './rejections.ts'
import {
  encodeInstant,
  type Fields,
  instant,
  integer,
  list,
  malformed,
  object,
  oneOfField,
  optional,
  type StoredDocument,
  text,
} from './stored-fields.ts'
import { decodeHost, decodeTrigger, encodeHost, encodeTrigger } from './stored-parts.ts'

/** Encodes the notes. Until the list of the first rejections is full, its last item is the latest rejection. */
export function encodeNotes({ count, refused, first, latest, rejectedBy }: Notes): StoredDocument {
  return {
    rejectionCount: count,
    // A usual row has only duplicates, and must stay small.
    ...(refused > 0 && { refusalCount: refused }),
    rejections: first.map(encodeRejection),
    rejectedBy,
    ...defined({ latestRejection: latest === null || count === first.length ? null : encodeRejection(latest) }),
  }
}

export function decodeNotes(fields: Fields): Notes {
  const first = list(fields, 'rejections', decodeRejection)
  const latest = optional(fields, 'latestRejection', (own, name) => decodeRejection(object(own, name)))
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

export function encodeRejection(rejection: Rejection): StoredDocument {
  const { runId, kind, cause, at, trigger } = rejection
  return { runId, kind, cause, at: encodeInstant(at), trigger: encodeTrigger(trigger), ...encodeHost(rejection) }
}

function decodeRejection(fields: Fields): Rejection {
  return {
    runId: text(fields, 'runId'),
    kind: oneOfField(fields, 'kind', REJECTION_KINDS),
    cause: oneOfField(fields, 'cause', REJECTION_CAUSES),
    at: instant(fields, 'at'),
    trigger: decodeTrigger(object(fields, 'trigger')),
    ...decodeHost(fields),
  }
}
