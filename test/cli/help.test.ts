import { beforeAll, expect, test } from 'vitest'
import { COMMANDS, OVERVIEW } from '../../src/cli/command-table.ts'
import { run } from '../../src/cli/commands/run.ts'
import { helpOf, topicText } from '../../src/cli/help.ts'
import { TOPICS } from '../../src/cli/topics.ts'
import { optionName } from '../../src/core/option.ts'
import { OPERATING_GUIDE } from '../../src/format/text.ts'
import { cronledger } from '../support/cli.ts'

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

test('help COMMAND prints what COMMAND --help prints', async () => {
  const [help, flag] = await Promise.all([cronledger(['help', 'check']), cronledger(['check', '--help'])])
  expect(help).toEqual({ code: 0, signal: null, stdout: `${texts['check']}\n`, stderr: '' })
  expect(flag).toEqual(help)
  expect((await cronledger(['run', '--help', '--all'])).stdout).toBe(`${whole}\n`)
  expect((await cronledger(['help', 'exit-codes'])).stdout).toBe(`${topicText('exit-codes')}\n`)
})

test.each([[['help']], [['--help']], [['-h']], [['help', '--help']], [['help', 'help']]])(
  'cronledger: %j prints the overview',
  async (args) => {
    expect(await cronledger(args)).toEqual({ code: 0, signal: null, stdout: `${OVERVIEW}\n`, stderr: '' })
  },
)

test('help of an unknown command names the nearest one', async () => {
  const { code, stderr } = await cronledger(['help', 'histry'])
  expect({ code, stderr }).toEqual({
    code: 64,
    stderr:
      'cronledger: there is no help about "histry". Did you mean history? The topics are exit-codes, environment and operating. For the commands: cronledger --help\n',
  })
})

test('cronledger without a command prints the overview and is an error, since no batch was run', async () => {
  expect(await cronledger([])).toEqual({
    code: 64,
    signal: null,
    stdout: `${OVERVIEW}\n`,
    stderr: 'cronledger: no command is given, so nothing was run.\n',
  })
})

test('cronledger without a command before -- says where the command goes', async () => {
  const { code, stdout, stderr } = await cronledger(['--', './batch.sh'])
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
  expect(stderr).toBe('cronledger: no command before --. To run a batch: cronledger run … -- ./batch.sh\n')
})
