import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { shellWord } from '../../src/format/text.ts'
import { SHELL_CASES, wordsIn } from '../support/processes/shells.ts'

const STEPS = readFileSync(new URL('catalogue.txt', import.meta.url), 'utf8')
const COMMANDS = [...STEPS.matchAll(/^ {2}[^\n`]*?: +((?:cronledger|aws) [^`\n]*)$/gm)].map(
  ([, command = '']) => command,
)

const HOSTILE = [
  `it's`,
  `'`,
  `''`,
  `'\\''`,
  '\\',
  '\\\\n',
  '\\u0041',
  'a\\',
  `\\'`,
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
  '&& || ; | < >',
  '{"a":"b"}',
  ' two  spaces ',
  '入力ファイルを直した',
  '👩‍💻 🇯🇵 é',
]

describe.each(SHELL_CASES)('in $shell', ({ path, isMissing }) => {
  test.skipIf(isMissing)('every command of the catalogue has the same words as in sh', () => {
    expect(COMMANDS.length).toBeGreaterThan(50)
    expect(wordsIn(path, COMMANDS)).toEqual(wordsIn('/bin/sh', COMMANDS))
  })

  test.skipIf(isMissing)('a hostile text is one word, as it was given', () => {
    expect(wordsIn(path, HOSTILE.map(shellWord))).toEqual(HOSTILE.map((text) => [text]))
  })
})
