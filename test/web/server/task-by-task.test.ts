import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Ledger } from '../../../src/api.ts'
import { createLedger } from '../../../src/ledger.ts'
import { reportPieces } from '../../../src/web/server/report.tsx'
import { scratch } from '../../support/cli.ts'
import { fillFile } from '../../support/pages/ledger.ts'

const NOW = Date.parse('2026-11-28T12:00:00Z')
/** More tasks than a report reads ahead, which is 64. */
const TASKS = Array.from({ length: 100 }, (_, index) => `task-${String(index).padStart(3, '0')}`)

const path = join(scratch(), 'ledger.db')
let ledger: Ledger
beforeAll(async () => {
  const spec = { expression: '0 3 * * *', zone: 'UTC' }
  await fillFile(
    path,
    TASKS.map((task) => ({ task, spec, count: 2, fateOf: () => 'succeeded' })),
    NOW,
  )
  ledger = createLedger({ store: `file:${path}` })
})
afterAll(() => ledger.close())

/** Returns the pieces of a report, and the tasks whose slots have been asked for since the last call of `taken`. */
async function reportWithReads() {
  let asked = new Set<string>()
  const watched: Ledger = {
    ...ledger,
    history(query) {
      if (query?.task !== undefined) asked.add(query.task)
      return ledger.history(query)
    },
  }
  const span = { since: NOW - 3 * 86_400_000, until: NOW }
  const reading = {
    ledger: watched,
    ledgerTimeoutMs: 30_000,
    skewMs: 0,
    now: NOW,
    signal: new AbortController().signal,
  }
  const pieces = await reportPieces({ span, store: `file:${path}`, style: '' }, reading)
  const taken = () => {
    const tasks = [...asked]
    asked = new Set()
    return tasks
  }
  return { pieces: pieces ?? [], taken }
}

test('a report is written task by task: at its first line and chapter, only the tasks that are read ahead have been read', async () => {
  const { pieces, taken } = await reportWithReads()
  const wanted = ['id="line-task-000"', 'id="task_20task-000"']
  const later: string[] = []
  for await (const piece of pieces) {
    const readAhead = taken()
    if (wanted[0] === undefined) later.push(...readAhead)
    if (wanted[0] === undefined || !String(piece).includes(wanted[0])) continue
    wanted.shift()
    expect(readAhead).toContain('task-000')
    expect(readAhead.length).toBeLessThanOrEqual(64)
  }
  expect(wanted).toEqual([])
  expect(later).toContain('task-099')
})
