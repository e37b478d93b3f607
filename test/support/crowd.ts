import { expect } from 'vitest'
import type { Ended, Loose } from './cli.ts'

/** What a run logged, one event a line. */
export const eventsOf = ({ stderr }: Ended): Loose[] =>
  stderr
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))

/**
 * Checks the triggers of one slot that came at once: each ended well, one ran the batch, which prints `paid`, and all others
 * are duplicates that the row counts.
 *
 * A note has 10 s to reach the ledger, and a crowd on a machine without free CPU can take longer. The log of such a
 * duplicate says `"noted":false`, and the row may miss it.
 */
export function expectOneRan(ended: readonly Ended[], row: Loose): void {
  expect(ended.map(({ code, stderr }) => (code === 0 ? '' : `${code}: ${stderr}`)).join('')).toBe('')
  expect(ended.filter(({ stdout }) => stdout === 'paid\n')).toHaveLength(1)
  // A registry that is too busy for the winner is a warning of its own, and no part of this promise.
  const events = ended.flatMap(eventsOf).filter(({ event }) => event !== 'warning')
  const others = ended.length - 1
  expect(events.map(({ event }) => event).sort()).toEqual(['claimed', 'completed', ...Array(others).fill('duplicate')])
  expect(row).toMatchObject({ state: 'COMPLETED', attempts: [{ number: 1 }] })
  expectCounted(ended, row, others)
}

/** Checks that the row counts these duplicates, but for those whose log says that they could not be noted. */
export function expectCounted(ended: readonly Ended[], row: Loose, duplicates: number): void {
  const missed = ended.flatMap(eventsOf).filter(({ event, noted }) => event === 'duplicate' && noted === false)
  expect(row['rejections'].count).toBeLessThanOrEqual(duplicates)
  expect(row['rejections'].count).toBeGreaterThanOrEqual(duplicates - missed.length)
}
