import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shellWord } from '../../../src/format/text.ts'
import { isSafe, writtenAs } from '../../../src/web/browser/shell-text.ts'
import { SHELL_CASES, wordsIn } from '../../support/processes/shells.ts'

const HOSTILE = [
  `it's`,
  `'`,
  `''`,
  `'\\''`,
  '\\',
  '\\\\n',
  '\\u0041',
  '"; touch /tmp/no; "',
  '$(touch /tmp/no)',
  '`id`',
  '$HOME',
  '!!',
  '~',
  '*',
  '# not a comment',
  '%s %%',
  '-n',
  '=ls',
  '%self',
  'a\\',
  `\\'`,
  '&& || ; | < >',
  '{"a":"b"}',
  '入力ファイルを直した',
  '👩‍💻 🇯🇵 é',
  ' two  spaces ',
]

/** Any text that a person can type into a field, with many of the characters that a shell or JSON treats in its own way. */
const typed = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1 }),
    fc.string({ unit: fc.constantFrom(...`'"\\$\`!{}()[]<>|&;*?~#%=, nu0入👍`), minLength: 1 }),
    fc.constantFrom(...HOSTILE),
  )
  .filter(isSafe)

describe.each(SHELL_CASES)('in $shell', ({ path, isMissing }) => {
  test.skipIf(isMissing)('a text arrives as it was typed: as a word, inside of quotes, and inside of JSON', () => {
    fc.assert(
      fc.property(fc.array(typed, { minLength: 1, maxLength: 80 }), (texts) => {
        const forms = (text: string) => [
          shellWord(text),
          `'${writtenAs('word', text)}'`,
          `'{"value":"${writtenAs('json', text)}"}'`,
        ]
        const words = wordsIn(
          path,
          texts.map((text) => forms(text).join(' ')),
        )
        const read = words.map(([bare, word, json]) => [bare, word, JSON.parse(json ?? '').value])
        expect(read).toEqual(texts.map((text) => [text, text, text]))
      }),
      { seed: 1, numRuns: 30, examples: [[HOSTILE]] },
    )
  })
})

test('a command line stays as it was typed', () => {
  for (const text of HOSTILE) expect(writtenAs('bare', text)).toBe(text)
})

test.each(['\n', '\r', '\t', '\0', '\u001b[2J', '\u0085', '\u009b', '\u2028', '\u2029', '\u202e', '\u2066', '\ud800'])(
  'a text with %j is refused everywhere',
  (character) => {
    expect(isSafe(`a${character}b`)).toBe(false)
    for (const position of ['word', 'json', 'bare']) expect(writtenAs(position, `a${character}b`)).toBeNull()
  },
)

test('an unknown position is not filled in', () => {
  expect(writtenAs('toString', 'a')).toBeNull()
})
