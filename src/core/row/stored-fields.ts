import { LedgerError, quote } from '../errors.ts'
import { formatInstant, parseInstant } from '../instant.ts'
import { isRecord } from '../objects.ts'
import { type Instant, type NewerSchema, SCHEMA_VERSION } from '../types.ts'
import { isId, isLogName, isPlaceName, isPrintable, isTaskName, isZoneName } from '../user-text.ts'

/** The JSON that every store supports: no null and no booleans. */
export type StoredValue = string | number | readonly StoredValue[] | StoredDocument
export interface StoredDocument {
  readonly [name: string]: StoredValue
}

/** A JSON object from outside, and its position there for a message about a wrong field. */
export interface Fields {
  /** Such as `row nightly 2026-11-24T03:00:00Z`. */
  readonly what: string
  /** Such as `attempts[0].`, or an empty text. */
  readonly path: string
  readonly values: Readonly<Record<string, unknown>>
}

type Read<T> = (fields: Fields, name: string) => T

/** How a member is stored and read. `encode` gets the whole object too, and returns null for a value left out. */
export interface Member<T> {
  readonly encode: (value: T, whole: object) => StoredValue | null
  readonly decode: Read<T>
  readonly name?: string
  /** The members of the value are stored beside those of the whole object. */
  readonly isFlat?: true
}

export interface Maybe<T> extends Omit<Member<T>, 'decode'> {
  readonly decode: Read<T | undefined>
  readonly isOptional: true
}

type Members<T> = { readonly [K in keyof T]-?: T extends Record<K, T[K]> ? Member<T[K]> : Maybe<NonNullable<T[K]>> }

export interface StoredForm<T> {
  encode(value: T): StoredDocument
  decode(fields: Fields): T
  readonly names: readonly string[]
}

export function formOf<T extends object>(members: Members<T>): StoredForm<T> {
  const all = Object.entries(members as unknown as Record<string, Member<unknown> & Partial<Maybe<unknown>>>).map(
    ([key, { encode, decode, name = key, isFlat = false, isOptional = false }]) => {
      return { key, encode, decode, name, isFlat, isOptional }
    },
  )
  return {
    names: all.flatMap(({ name, isFlat }) => (isFlat ? [] : [name])),
    encode(value) {
      const stored: Record<string, StoredValue> = {}
      for (const { key, encode, name, isFlat } of all) {
        const own = (value as Record<string, unknown>)[key]
        const found = own === undefined ? null : encode(own, value)
        if (isFlat) Object.assign(stored, found)
        else if (found !== null) stored[name] = found
      }
      return stored
    },
    decode(fields) {
      // We must set one member after the other, always in this order. Otherwise V8 would make a hidden class for each
      // object, and a listing of 100,000 rows would fill memory with them.
      const value: Record<string, unknown> = {}
      for (const { key, decode, name, isFlat, isOptional } of all) {
        if (isOptional && !isFlat && fields.values[name] === undefined) continue
        const own = decode(fields, name)
        if (own !== undefined) value[key] = own
      }
      return value as T
    },
  }
}

/** A text for people, which may have any characters. It is shown, and never becomes a part of a command. */
export const TEXT: Member<string> = { encode: (value) => value, decode: text }
export const TASK = textOf(isTaskName, 'the name of a task')
export const PLACE_NAME = textOf(
  isPlaceName,
  'a name of the characters A-Z a-z 0-9 _ . : / - without - at its start or ://',
)
export const LOG_NAME = textOf(
  isLogName,
  'a name of the characters A-Z a-z 0-9 _ . : / # - without - at its start or ://',
)
export const ZONE = textOf(isZoneName, 'the name of a time zone')
export const ID = textOf(isId, 'an id of the characters A-Z a-z 0-9 _ . : -')
export const LINE = textOf(isPrintable, 'text without control characters')
export const INTEGER: Member<number> = { encode: (value) => value, decode: integer }
export const INSTANT: Member<Instant> = { encode: encodeInstant, decode: instant }

export function oneOf<const T extends string>(allowed: readonly T[]): Member<T> {
  return { encode: (value) => value, decode: (fields, name) => oneOfField(fields, name, allowed) }
}

export function textOf(isAllowed: (value: string) => boolean, allowed: string): Member<string> {
  return {
    encode(value) {
      // A value that cannot be read back must not be written.
      if (!isAllowed(value)) throw new Error(`${quote(value)} is not ${allowed}`)
      return value
    },
    decode(fields, name) {
      const value = text(fields, name)
      if (!isAllowed(value)) throw malformed(fields.what, fields.path + name, value, allowed)
      return value
    },
  }
}

export function textsOf(isAllowed: (value: unknown) => boolean, allowed: string): Member<readonly string[]> {
  return {
    encode: (values) => values,
    decode({ what, path, values }, name) {
      const found = values[name]
      if (Array.isArray(found) && found.every(isAllowed)) return found
      throw malformed(what, path + name, found, allowed)
    },
  }
}

export function maybe<T>(member: Member<T>): Maybe<T> {
  return { ...member, isOptional: true }
}

export function orNull<T>({ encode, decode }: Member<T>): Member<T | null> {
  return {
    encode: (value, whole) => (value === null ? null : encode(value, whole)),
    decode: (fields, name) => optional(fields, name, decode) ?? null,
  }
}

export function nested<T>({ encode, decode }: Pick<StoredForm<T>, 'encode' | 'decode'>): Member<T> {
  return { encode, decode: (fields, name) => decode(object(fields, name)) }
}

export function beside<T>({ encode, decode }: StoredForm<T>): Member<T> {
  return { encode, decode, isFlat: true }
}

export function listOf<T>({ encode, decode }: Pick<StoredForm<T>, 'encode' | 'decode'>): Member<readonly T[]> {
  return { encode: (values) => values.map(encode), decode: (fields, name) => list(fields, name, decode) }
}

export function listOrNone<T>(form: Pick<StoredForm<T>, 'encode' | 'decode'>): Member<readonly T[]> {
  const { encode, decode } = listOf(form)
  return { encode: (values, whole) => (values.length === 0 ? null : encode(values, whole)), decode }
}

/** True is stored as a text, because the stores have no booleans. */
export function flag(name: string, stored: string): Maybe<true> {
  const encode = () => stored
  const decode: Read<true> = (fields) => Boolean(oneOfField(fields, name, [stored])) as true
  return { encode, decode, name, isOptional: true }
}

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

export function list<T>({ what, path, values }: Fields, name: string, read: (item: Fields) => T): readonly T[] {
  const value = values[name] ?? []
  if (!Array.isArray(value)) throw malformed(what, path + name, value, 'a list')
  return value.map((item, index) => read(fieldsOf(item, what, `${path}${name}[${index}].`)))
}

export function optional<T>(fields: Fields, name: string, read: Read<T>): T | undefined {
  return fields.values[name] === undefined ? undefined : read(fields, name)
}

export function rowName(task: unknown, slot: unknown): string {
  return `row ${shownTask(String(task))} ${isPrintable(String(slot)) ? slot : quote(String(slot))}`
}

export function shownTask(task: string): string {
  return isTaskName(task) ? task : quote(task)
}

/** We must not guess what a wrong value means, otherwise a batch could run twice. */
export function malformed(what: string, name: string, value: unknown, allowed: string): LedgerError {
  const is = value === undefined ? 'missing' : quote(typeof value === 'string' ? value : JSON.stringify(value))
  return damaged(what, `${name} is ${is}, but must be ${allowed}`)
}

/** The error of a row or a record that cronledger cannot have written. */
export class Damaged extends LedgerError {}

export function damaged(what: string, problem: string): LedgerError {
  return new Damaged('shape', `${what} is damaged: ${problem}. Correct it in the ledger.`)
}

/** Returns null for a row or a record of this schema version. Throws `shape` for one of an earlier version. */
export function newerSchemaOf(fields: Fields): NewerSchema | null {
  const schemaVersion = integer(fields, 'schemaVersion')
  if (schemaVersion > SCHEMA_VERSION) return { schemaVersion, newerSchema: true }
  if (schemaVersion === SCHEMA_VERSION) return null
  throw new LedgerError(
    'shape',
    `${fields.what} has schema version ${schemaVersion}, from before the first release of cronledger. Use a new ledger.`,
  )
}

export function encodeInstant(value: Instant): string {
  const stored = formatInstant(value)
  // A value that cannot be read back must not be written.
  if (parseInstant(stored) !== value) throw new Error(`instant ${value} is not a whole millisecond`)
  return stored
}
