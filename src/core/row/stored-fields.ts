import { LedgerError, quote } from '../errors.ts'
import { formatInstant, parseInstant } from '../instant.ts'
import { isRecord } from '../objects.ts'
import type { Instant } from '../types.ts'

/** A value that a store holds. Every store supports JSON without null and booleans. */
export type StoredValue = string | number | readonly StoredValue[] | StoredDocument
export interface StoredDocument {
  readonly [name: string]: StoredValue
}

/** A JSON object from outside the core, and its position there. The position is for the message about a wrong field. */
export interface Fields {
  /** The name of the whole document: `row nightly 2026-11-24T03:00:00Z`. */
  readonly what: string
  /** The path inside the document, such as `attempts[0].`, or an empty text. */
  readonly path: string
  readonly values: Readonly<Record<string, unknown>>
}

type Read<T> = (fields: Fields, name: string) => T

export function fieldsOf(value: unknown, what: string, path = ''): Fields {
  if (!isRecord(value)) throw malformed(what, path.replace(/\.$/, '') || 'all of it', value, 'an object')
  return { what, path, values: value }
}

export function text({ what, path, values }: Fields, name: string): string {
  const value = values[name]
  if (typeof value !== 'string') throw malformed(what, path + name, value, 'text')
  return value
}

export function integer({ what, path, values }: Fields, name: string): number {
  const value = values[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw malformed(what, path + name, value, 'an integer')
  }
  return value
}

export function instant(fields: Fields, name: string): Instant {
  const value = text(fields, name)
  try {
    return parseInstant(value)
  } catch {
    throw malformed(fields.what, fields.path + name, value, 'an instant such as "2026-11-24T03:00:00Z"')
  }
}

export function oneOfField<const T extends string>(fields: Fields, name: string, allowed: readonly T[]): T {
  const value = text(fields, name)
  const known = allowed.find((one) => one === value)
  if (known === undefined) throw malformed(fields.what, fields.path + name, value, allowed.join(', '))
  return known
}

export function object({ what, path, values }: Fields, name: string): Fields {
  return fieldsOf(values[name], what, `${path}${name}.`)
}

/** Returns the items of a list. An absent list is empty. */
export function list<T>({ what, path, values }: Fields, name: string, read: (item: Fields) => T): readonly T[] {
  const value = values[name] ?? []
  if (!Array.isArray(value)) throw malformed(what, path + name, value, 'a list')
  return value.map((item, index) => read(fieldsOf(item, what, `${path}${name}[${index}].`)))
}

export function optional<T>(fields: Fields, name: string, read: Read<T>): T | undefined {
  return fields.values[name] === undefined ? undefined : read(fields, name)
}

/**
 * Returns the error for a value that cronledger cannot have written. We must not guess its meaning, otherwise a batch
 * could run twice.
 */
export function malformed(what: string, name: string, value: unknown, allowed: string): LedgerError {
  const is = value === undefined ? 'missing' : quote(typeof value === 'string' ? value : JSON.stringify(value))
  return damaged(what, `${name} is ${is}, but must be ${allowed}`)
}

/** Returns the error for a document whose parts contradict each other. */
export function damaged(what: string, problem: string): LedgerError {
  return new LedgerError('shape', `${what} is damaged: ${problem}. Correct it in the ledger.`)
}

/** Returns the error for a document of a layout that no release of cronledger wrote. */
export function beforeRelease(what: string, schemaVersion: number): LedgerError {
  return new LedgerError(
    'shape',
    `${what} has schema version ${schemaVersion}, from before the first release of cronledger. Use a new ledger.`,
  )
}

export function encodeInstant(value: Instant): string {
  const stored = formatInstant(value)
  // A value that cannot be read back must not be written.
  if (parseInstant(stored) !== value) throw new Error(`instant ${value} is not a whole millisecond`)
  return stored
}

export function encodeOptional(value: Instant | null | undefined): string | null {
  return value === null || value === undefined ? null : encodeInstant(value)
}
