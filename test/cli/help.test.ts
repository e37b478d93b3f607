import { beforeAll, expect, test } from 'vitest'
import { COMMANDS, OVERVIEW } from '../../src/cli/command-table.ts'
import { run } from '../../src/cli/commands/run.ts'
import { helpOf, topicText } from '../../src/cli/help.ts'
import { TOPICS } from '../../src/cli/topics.ts'
import { type OptionSpec, optionName } from '../../src/core/option.ts'
import { OPERATING_GUIDE } from '../../src/format/text.ts'

const NAMES = Object.keys(COMMANDS)

/** The help of each command, as a terminal of 100 columns shows it. */
const texts: Record<string, string> = {}
let whole = ''

beforeAll(async () => {
  for (const [name, load] of Object.entries(COMMANDS)) texts[name] = await helpOf((await load()).help, 100)
  whole = await helpOf(run.help, 100, true)
})

test('the overview has each command', () => {
  expect(NAMES.filter((name) => !OVERVIEW.includes(`\n  ${name} `))).toEqual([])
})

// `vitest -u` writes the file again. The help of the other commands has the same form, and docs/reference/commands.md its texts.
test('the help reads as in help.txt', async () => {
  const pages = ['run', 'history'].map((name) => `$ cronledger help ${name}\n\n${texts[name]}\n`)
  const topics = ['exit-codes', 'environment', 'operating'].map(
    (name) => `$ cronledger help ${name}\n\n${topicText(name)}\n`,
  )
  const text = [`$ cronledger\n\n${OVERVIEW}\n`, ...pages, ...topics].join('\n\n')
  await expect(text).toMatchFileSnapshot('help.txt')
})

test('no help ends with an address, which can lead nowhere; what each failure prints is a topic of at most 40 lines', async () => {
  const pages = [...Object.values(texts), ...Object.keys(TOPICS).map(topicText)]
  expect(pages.filter((text) => /Docs:|github\.com/.test(text ?? ''))).toEqual([])
  expect(OPERATING_GUIDE).toBe('cronledger help operating')
  expect(topicText('operating')?.split('\n').length).toBeLessThanOrEqual(40)
})

test('the help of run fits on a screen of 40 lines; with --all, it has every option', async () => {
  expect(texts['run']?.split('\n').length).toBeLessThanOrEqual(40)
  const listed = [...whole.matchAll(/^ +--([\w-]+) /gm)].map(([, name]) => name)
  expect(listed.sort()).toEqual(Object.keys(run.help.options).map(optionName).sort())
})

test.each(NAMES)('the help of %s says which options are a flag only', async (name) => {
  const { help } = (await COMMANDS[name]?.()) ?? expect.unreachable()
  const flags = Object.entries<OptionSpec>(help.options).flatMap(([option, { isFlagOnly }]) =>
    isFlagOnly ? [optionName(option)] : [],
  )
  // An option may have a second line.
  const options = (await helpOf(help, 100, true)).split(/\n(?= {2}--)/)
  const said = options.filter((text) => /^ {2}--.*flag\s+only\)/s.test(text))
  expect(said.map((text) => /--([\w-]+)/.exec(text)?.[1]).sort()).toEqual(flags.sort())
  const sentence = `Each${flags.length === 0 ? '' : ' other'} option can also be set as an environment variable`
  if (Object.keys(help.options).length > 0) expect(texts[name]).toContain(sentence)
})

test.each(NAMES)(
  'an option of %s takes one line, or two, also on 80 columns; its examples stay whole',
  async (name) => {
    for (const columns of [100, 80]) {
      const text = await helpOf((await COMMANDS[name]?.())?.help ?? run.help, columns)
      const lines = text.split('\n')
      expect(lines.filter((line) => line.length > columns && !/^ {2}\S/.test(line))).toEqual([])
      expect(text).toContain(texts[name]?.match(/\nExamples:\n(?: {2}.*\n?)+/)?.[0])
      // On 100 columns, there is no line without an option after one that has none.
      if (columns === 80) continue
      expect(lines.filter((line, at) => [line, lines[at - 1]].every((one) => /^ {20,}\S/.test(one ?? '')))).toEqual([])
    }
  },
)
