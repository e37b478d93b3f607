// The other promises of show are in ../stories/show.txt.
import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { clockAt, commandsAt, NIGHTLY, newStore, scratch } from '../../support/cli.ts'
import { linesOf, onTerminal } from '../../support/processes/terminal.ts'

const { cronledger } = commandsAt('2026-11-24T18:00:00Z')

test('no line of show is wider than the screen, but each of a pipe is whole', async () => {
  const store = newStore(scratch())
  const show = (...args: string[]) => cronledger(['show', '--store', store, '--task', 'nightly', ...args])
  const run = ['run', '--store', store, ...NIGHTLY, '--timezone', 'Asia/Tokyo', '--event-time', '2025-11-23T18:00:00Z']
  for (let tries = 0; tries < 2; tries += 1) await cronledger([...run, '--', 'true'])
  const slot = ['--slot', '2025-11-23T18:00:00Z']
  const reason = `looked at ${'all of the data, '.repeat(9)}`
  const state = ['--state', 'completed', '--reason', reason]
  await cronledger(['resolve', '--store', store, '--task', 'nightly', ...slot, ...state])
  const shown = await onTerminal(
    ['show', '--store', store, '--task', 'nightly', ...slot],
    clockAt('2026-11-24T18:00:00Z'),
    80,
  )
  const lines = linesOf(shown)
  expect(lines.filter((line) => stringWidth(line) > 80)).toEqual([])
  const inPipe = (await show(...slot)).stdout.split('\n')
  expect(lines.join(' ').replace(/ +/g, ' ')).toBe(inPipe.join(' ').replace(/ +/g, ' '))
  expect(inPipe.some((line) => line.length > 120)).toBe(true)
})
