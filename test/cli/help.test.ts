import { beforeAll, describe, expect, test } from 'vitest'
import { COMMANDS, overview } from '../../src/cli/command-table.ts'
import { helpOf } from '../../src/cli/help.ts'
import { cronledger } from '../support/cli.ts'
import { linesOf, onTerminal } from '../support/processes/terminal.ts'

const NAMES = Object.keys(COMMANDS)

/** The help of each command, as a terminal of 100 columns shows it. */
const texts: Record<string, string> = {}

beforeAll(async () => {
  for (const [name, { load }] of Object.entries(COMMANDS)) texts[name] = await helpOf((await load()).help, 100)
})

// `vitest -u` writes the file again. Read it from top to bottom.
test('the help reads as in help.txt', async () => {
  const pages = NAMES.map((name) => `$ cronledger help ${name}\n\n${texts[name]}\n`)
  await expect([`$ cronledger\n\n${overview()}\n`, ...pages].join('\n\n')).toMatchFileSnapshot('help.txt')
})

test('the help of run fits on a screen of 70 lines', () => {
  expect(texts['run']?.split('\n').length).toBeLessThanOrEqual(70)
})

test.each(NAMES)('an option of %s takes one line, or two', (name) => {
  const lines = (texts[name] ?? '').split('\n')
  expect(lines.filter((line) => line.length > 100 && !/^ {2}\S/.test(line))).toEqual([])
  // A line without an option, after one that has none.
  expect(lines.filter((line, at) => [line, lines[at - 1]].every((text) => /^ {20,}\S/.test(text ?? '')))).toEqual([])
})

test.each(NAMES)('%s --help fits a terminal of 80 columns; its examples stay whole', async (name) => {
  const shown = linesOf(await onTerminal([name, '--help'], {}, 80))
  const examples = shown.indexOf('Examples:')
  expect(examples).toBeGreaterThan(0)
  expect(shown.slice(0, examples).filter((line) => line.length > 80)).toEqual([])
  const written = (texts[name] ?? '').split('\n')
  expect(shown.slice(examples).filter(Boolean)).toEqual(written.slice(written.indexOf('Examples:')).filter(Boolean))
})

describe('cronledger', () => {
  test('help COMMAND prints what COMMAND --help prints', async () => {
    const [help, flag] = await Promise.all([cronledger(['help', 'check']), cronledger(['check', '--help'])])
    expect(help).toEqual({ code: 0, signal: null, stdout: `${texts['check']}\n`, stderr: '' })
    expect(flag).toEqual(help)
  })

  test.each([[['help']], [['--help']], [['-h']], [['help', '--help']], [['help', 'help']]])(
    '%j prints the overview',
    async (args) => {
      expect(await cronledger(args)).toEqual({ code: 0, signal: null, stdout: `${overview()}\n`, stderr: '' })
    },
  )

  test('help of an unknown command names the nearest one', async () => {
    const { code, stderr } = await cronledger(['help', 'histry'])
    expect({ code, stderr }).toEqual({
      code: 64,
      stderr: 'cronledger: unknown command "histry". Did you mean history? See cronledger --help.\n',
    })
  })

  test('without a command prints the overview and is an error, since no batch was run', async () => {
    expect(await cronledger([])).toEqual({
      code: 64,
      signal: null,
      stdout: `${overview()}\n`,
      stderr: 'cronledger: no command is given, so nothing was run.\n',
    })
  })

  test('without a command before -- says where the command goes', async () => {
    const { code, stdout, stderr } = await cronledger(['--', './batch.sh'])
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toBe('cronledger: no command before --. To run a batch: cronledger run … -- ./batch.sh\n')
  })
})
