import { expect } from 'vitest'
import type { Ended, Loose } from '../cli.ts'

export const eventsOf = ({ stderr }: Ended): Loose[] =>
  stderr
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))

/** One must have run the batch, and all others be duplicates, whose notes may be late on a busy machine (`"noted":false`). */
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

export function expectCounted(ended: readonly Ended[], row: Loose, duplicates: number): void {
  const missed = ended.flatMap(eventsOf).filter(({ event, noted }) => event === 'duplicate' && noted === false)
  expect(row['rejections'].count).toBeLessThanOrEqual(duplicates)
  expect(row['rejections'].count).toBeGreaterThanOrEqual(duplicates - missed.length)
}
