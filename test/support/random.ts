import fc from 'fast-check'
import { UNPRINTABLE } from '../../src/core/user-text.ts'

/** Returns how many random cases a test plays: `few` in each change, and `all` with `EVERY=1`, as .ci/deep does. */
export const runs = (few: number, all: number) => (process.env['EVERY'] === '1' ? all : few)

const codePoint = fc
  .oneof(fc.nat(0x7f), fc.nat(0x10_f7ff))
  .map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800))

/** Returns any text. The first use of the unit `binary` of fast-check takes two seconds in each process. */
export const anyText = (limits: { readonly minLength?: number; readonly maxLength?: number } = {}) =>
  fc.string({ ...limits, unit: codePoint })

/** Returns any text of which a name of a task, of a place or of a process may consist. */
export const anyName = () =>
  fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(...'aZ09._/-') }).map((text) => `n${text}`)

/** Returns any text that is on one line and that a terminal can show. */
export const anyLine = (limits: { readonly minLength?: number; readonly maxLength?: number } = {}) =>
  anyText(limits).map((text) => text.replace(UNPRINTABLE, ' '))
