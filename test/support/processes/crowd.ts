import { expect } from 'vitest'
import type { Ended, Loose } from '../cli.ts'

/** Returns the events that a run logged, one in each line. */
export const eventsOf = ({ stderr }: Ended): Loose[] =>
  stderr
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))

/**
 * Checks the triggers of one slot that arrived at the same time. Each must have exited with 0. One must have run the
 * batch, which prints `paid`, and all others must be duplicates that the row counts.
 *
 * A note has 10 s to reach a table, and a crowd on a machine without free CPU can take longer. The log of such a duplicate
 * says `"noted":false`, and the row may miss it.
 */
export function expectOneRan(ended: readonly Ended[], row: Loose): void {
  expect(ended.map(({ code, stderr }) => (code === 0 ? '' : `${code}: ${stderr}`)).join('')).toBe('')
  expect(ended.filter(({ stdout }) => stdout === 'paid\n')).toHaveLength(1)
  // The run that wins may warn that it could not write the task record in time, and one run makes the file. This promise
  // does not cover that.
  const events = ended.flatMap(eventsOf).filter(({ event }) => event !== 'warning' && event !== 'ledger-created')
  const others = ended.length - 1
  expect(events.map(({ event }) => event).sort()).toEqual(['claimed', 'completed', ...Array(others).fill('duplicate')])
  expect(row).toMatchObject({ state: 'COMPLETED', attempts: [{ number: 1 }] })
  expectCounted(ended, row, others)
}

/** Checks that the row counts these duplicates. Those whose log says that they could not be noted may be missing. */
export function expectCounted(ended: readonly Ended[], row: Loose, duplicates: number): void {
  const missed = ended.flatMap(eventsOf).filter(({ event, noted }) => event === 'duplicate' && noted === false)
  expect(row['rejections'].count).toBeLessThanOrEqual(duplicates)
  expect(row['rejections'].count).toBeGreaterThanOrEqual(duplicates - missed.length)
}
