import fc from 'fast-check'

/** Returns how many random cases a test plays: `few` in each change, and `all` with `EVERY=1`, as .ci/deep does. */
export const runs = (few: number, all: number) => (process.env['EVERY'] === '1' ? all : few)

const codePoint = fc
  .oneof(fc.nat(0x7f), fc.nat(0x10_f7ff))
  .map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800))

/** Returns any text. The first use of the unit `binary` of fast-check takes two seconds in each process. */
export const anyText = (limits: { readonly minLength?: number; readonly maxLength?: number } = {}) =>
  fc.string({ ...limits, unit: codePoint })
