import { expect, test } from 'vitest'
import { cronledger, type Options } from '../support/cli.ts'
import { linesOf, onTerminal } from '../support/processes/terminal.ts'

const COMMANDS = ['run', 'rerun', 'history', 'show', 'explain', 'check', 'tasks', 'resolve', 'setup', 'serve', 'report']

const helpOf = async (command: string, options?: Options) =>
  (await cronledger([command, '--help'], options)).stdout.split('\n')

test.each(COMMANDS)('%s --help fits a terminal of 80 columns; its examples stay whole', async (command) => {
  const shown = linesOf(await onTerminal([command, '--help'], {}, 80))
  const examples = shown.indexOf('Examples:')
  expect(examples).toBeGreaterThan(0)
  expect(shown.slice(0, examples).filter((line) => line.length > 80)).toEqual([])
  // A line that was broken by hand, and then again.
  const [, , ...summary] = shown.slice(0, shown.indexOf('', 2))
  expect(summary.slice(0, -1).filter((line) => line.length < 60)).toEqual([])
  const commands = (await helpOf(command)).filter((line) => line.startsWith(`  cronledger ${command}`))
  expect(shown.slice(examples)).toEqual(expect.arrayContaining(commands))
})

test('what a forced run means by an option is in the help of rerun', async () => {
  const text = (await helpOf('rerun')).join(' ').replace(/\s+/g, ' ')
  expect(text).toMatch(/--max-attempts Attempts that this command itself makes in a slot/)
  expect(text).toMatch(/--overlap While another slot of the task runs: run beside it, or .* be refused/)
  expect((await helpOf('run')).join('\n')).toContain('0  duplicate, or --overlap skip')
})
