import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSafe, writtenAs } from '../../../src/web/browser/shell-text.ts'

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
  '&& || ; | < >',
  '{"a":"b"}',
  '入力ファイルを直した',
  '👩‍💻 🇯🇵 é',
  ' two  spaces ',
]

const SHELLS = ['/bin/bash', '/bin/dash'].filter(existsSync)

/** Returns the words that a shell passes to a program. */
function passed(shell: string, words: readonly string[]): readonly string[] {
  const out = execFileSync(shell, ['-c', `printf '%s\\0' ${words.join(' ')}`], { encoding: 'utf8' })
  return out.split('\0').slice(0, -1)
}

/** Any text that a person can type into a field, with many of the characters that a shell or JSON treats in its own way. */
const typed = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1 }),
    fc.string({ unit: fc.constantFrom(...`'"\\$\`!{}()[]<>|&;*?~#%=, nu0入👍`), minLength: 1 }),
    fc.constantFrom(...HOSTILE),
  )
  .filter(isSafe)

test.each(SHELLS)('a text arrives as it was typed, as a word and inside of JSON, in %s', (shell) => {
  fc.assert(
    fc.property(fc.array(typed, { minLength: 1, maxLength: 40 }), (texts) => {
      const words = passed(
        shell,
        texts.flatMap((text) => [`'${writtenAs('word', text)}'`, `'{"value":"${writtenAs('json', text)}"}'`]),
      )
      expect(words.filter((_, index) => index % 2 === 0)).toEqual(texts)
      expect(words.filter((_, index) => index % 2 === 1).map((word) => JSON.parse(word).value)).toEqual(texts)
    }),
    { numRuns: 100, examples: [[HOSTILE]] },
  )
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
