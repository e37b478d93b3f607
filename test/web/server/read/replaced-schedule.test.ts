import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLedger } from '../../../../src/index.ts'
import { scratch } from '../../../support/cli.ts'
import { type Served, serve } from '../../../support/pages/serve.ts'

const store = `file:${join(scratch(), 'ledger.db')}`
let served: Served
const DAY_MS = 86_400_000
const NOW = Date.now()

beforeAll(async () => {
  const ledger = createLedger({ store })
  const run = (schedule: string, eventTime: string, task = 'moved') =>
    ledger.run({ task, schedule, timezone: 'UTC', eventTime }, () => undefined)
  await run('0 3 * * *', '2025-11-22T03:00:00Z')
  await run('0 3 * * *', '2025-11-23T03:00:00Z')
  await run('0 5 * * *', '2025-11-25T05:00:00Z')
  for (const day of ['22', '23', '26']) await run('0 3 * * *', `2025-11-${day}T03:00:00Z`, 'paused')
  await ledger.pause({ task: 'paused', reason: 'database upgrade', from: '2025-11-24T00:00:00Z' })
  await ledger.resume({ task: 'paused', from: '2025-11-25T12:00:00Z' })
  await run('0 3 * * *', '2025-11-23T03:00:00Z', 'skipped')
  await ledger.pause({ task: 'skipped', reason: 'database upgrade', from: '2025-11-24T00:00:00Z' })
  await run('0 3 * * *', '2025-11-24T03:00:00Z', 'skipped')
  for (const day of ['22', '23', '25']) await run('0 3 * * *', `2025-11-${day}T03:00:00Z`, 'weekly')
  await run('0 5 * * 0', '2025-11-30T05:00:00Z', 'weekly')
  await run('0 0 * * *', dayAfter(0), 'planned')
  await ledger.pause({ task: 'planned', reason: 'holidays', from: dayAfter(3), until: dayAfter(6) })
  await ledger.close()
  served = await serve(store)
})
afterAll(() => served.stop())

function dayAfter(days: number): string {
  return new Date((Math.floor(NOW / DAY_MS) + days) * DAY_MS).toISOString().replace('.000Z', 'Z')
}

async function page(slot: string, task = 'moved') {
  const answer = await fetch(`${served.url}slot?task=${task}&slot=${slot}`)
  return { status: answer.status, html: await answer.text() }
}

const slotsIn = (html: string) => [
  ...new Set([...html.matchAll(/slot\?task=\w+&amp;slot=([^"&#]+)/g)].map(([, slot = '']) => decodeURIComponent(slot))),
]

test.each(['2025-11-25T03:00:00Z', '2025-11-24T05:00:00Z'])(
  '%s may not have been due: its page says between which slots the schedule changed',
  async (slot) => {
    const { status, html } = await page(slot)
    expect(status).toBe(200)
    expect(html.replaceAll(/<[^>]+>/g, '')).toMatch(
      /may not have been due: the schedule changed between 11-23 03:00 and 11-25 05:00/,
    )
    // It is marked as skipped rather than run.
    expect(html.indexOf('--state skipped')).toBeLessThan(html.indexOf('cronledger rerun'))
  },
)

test.each([
  // After a change of the schedule, the links back visit each slot, also those in doubt.
  ['moved', '2025-11-23T03:00:00Z', ['2025-11-22T03:00:00Z', '2025-11-24T03:00:00Z']],
  ['moved', '2025-11-24T03:00:00Z', ['2025-11-23T05:00:00Z', '2025-11-25T03:00:00Z']],
  ['moved', '2025-11-25T05:00:00Z', ['2025-11-25T03:00:00Z', '2025-11-26T05:00:00Z']],
  // The slots of a pause are left out, but for those that have a row.
  ['paused', '2025-11-23T03:00:00Z', ['2025-11-22T03:00:00Z', '2025-11-26T03:00:00Z']],
  ['paused', '2025-11-26T03:00:00Z', ['2025-11-23T03:00:00Z', '2025-11-27T03:00:00Z']],
  ['skipped', '2025-11-24T03:00:00Z', ['2025-11-23T03:00:00Z']],
  ['planned', dayAfter(2), [dayAfter(0), dayAfter(6)]],
])('the page of a slot of %s leads to the slots before and after it: %s', async (task, slot, links) => {
  expect(slotsIn((await page(slot, task)).html)).toEqual(links)
})

test('a slot that a later run of the old schedule proves is missed', async () => {
  const { html } = await page('2025-11-24T03:00:00Z', 'weekly')
  expect(html).toContain('cronledger rerun')
  expect(html).not.toContain('may not have been due')
})
