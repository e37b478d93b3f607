import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { SHELL_CASES, wordsIn } from '../support/processes/shells.ts'

// The errors come after the texts with next steps.
const STEPS = readFileSync(new URL('catalogue.txt', import.meta.url), 'utf8')
const COMMANDS = [...STEPS.matchAll(/^ {2}[^\n`]*?: +((?:cronledger|aws) [^`\n]*)$/gm)].map(
  ([, command = '']) => command,
)

describe.each(SHELL_CASES)('in $shell', ({ path, isMissing }) => {
  test.skipIf(isMissing)('every command of the catalogue has the same words as in sh', () => {
    expect(COMMANDS.length).toBeGreaterThan(50)
    expect(wordsIn(path, COMMANDS)).toEqual(wordsIn('/bin/sh', COMMANDS))
  })
})
