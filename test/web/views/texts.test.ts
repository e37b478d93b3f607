// Every text of the pages of a ledger, in one snapshot. A line stands where it comes first.
import { expect, test } from 'vitest'
import { encodeRow } from '../../../src/core/row/stored-row.ts'
import type { TaskRecord } from '../../../src/core/task/task-record.ts'
import type { Row, Status } from '../../../src/core/types.ts'
import { findingDetail } from '../../../src/format/check/finding.ts'
import { readMethods } from '../../../src/ledger.ts'
import { systemClock } from '../../../src/process/clock.ts'
import { writeRecord } from '../../../src/run/task/task-record.ts'
import { NO_FINDINGS } from '../../../src/verdict/judge.ts'
import { pagesOf } from '../../support/pages/app.ts'
import { FINDINGS } from '../../support/pages/needs.ts'
import { live, now, schedule, slot } from '../../support/pages/slots.ts'
import { textOf } from '../../support/pages/text.ts'
import {
  FAILED,
  FORCED,
  lastWaiting,
  ON_ECS,
  PAUSE,
  recordWith,
  resolvedAs,
  rowOn,
  rowWith,
  SCHEDULED,
  SUCCEEDED,
} from '../../support/rows.ts'
import { memoryStore } from '../../support/simulated/memory-store.ts'

interface Sample {
  readonly rows?: readonly Row[]
  readonly record?: Partial<TaskRecord>
  readonly isNewer?: true
  /** How many triggers from one host wanted to run its slot once more. */
  readonly duplicates?: number
}

const DAY_MS = 86_400_000
const CALL = { signal: new AbortController().signal }
const failed = rowWith({ ending: FAILED })
const reported = rowWith({ ending: { ...SUCCEEDED, report: '{"rows":1200}' } })
const repaired = rowWith({ ending: FAILED }, { trigger: FORCED, ending: SUCCEEDED })
const ended = { at: now, by: 'bob', reason: 'resumed' }
const expecting = (more: object) => ({ expectations: { since: slot - DAY_MS, owner: 'the data team', ...more } })

/** A task for each status, and more. The newest slot of each was due an hour ago, at 12:00 in Tokyo. */
const TASKS: Readonly<Record<Status | 'unusual' | 'marked' | 'lone' | 'paused' | 'retired' | 'on-ecs', Sample>> = {
  running: { rows: [live] },
  waiting: { rows: [{ ...lastWaiting(live), leaseUntil: live.leaseUntil }] },
  stale: { rows: [rowWith({})] },
  completed: {
    rows: Array.from({ length: 36 }, (_, ago) => ({ ...repaired, slot: slot - ago * DAY_MS })),
    record: {
      schedules: [{ since: slot - 29 * DAY_MS, spec: schedule }],
      ...expecting({ lateAfterMs: 1_000, doneByMs: 3_600_000, graceMs: 600_000, owner: 'https://wiki.example.com/a' }),
    },
  },
  failed: { rows: [failed, { ...failed, slot: slot - DAY_MS }] },
  skipped: { rows: [resolvedAs('SKIPPED')] },
  missed: {},
  overdue: { rows: [live], record: expecting({ doneByMs: 600_000 }) },
  due: { record: { schedules: [{ since: slot, spec: { ...schedule, expression: '59 12 * * *' } }] } },
  scheduled: { record: { schedules: [{ since: slot, spec: { ...schedule, expression: '1 13 * * *' } }] } },
  unknown: { rows: [failed], isNewer: true },
  unusual: { rows: [reported], duplicates: 45, record: expecting({ expect: 'rows>=2000' }) },
  marked: { rows: [resolvedAs('COMPLETED')] },
  lone: { record: { schedules: [] } },
  paused: {
    rows: [resolvedAs('SKIPPED')],
    record: {
      pauses: [
        { ...PAUSE, from: slot, until: now + 60_000 },
        { ...PAUSE, at: slot - DAY_MS, from: slot - DAY_MS, until: now - DAY_MS, reason: 'upgrade', ended },
        { ...PAUSE, at: now, from: now + 60_000, until: now + 60_000, reason: 'holiday', ended },
      ],
      retirements: [{ ...PAUSE, reason: 'replaced', until: now, ended }],
    },
  },
  retired: { rows: [repaired], record: { retirements: [{ ...PAUSE, from: slot + 1, reason: 'replaced by nightly' }] } },
  'on-ecs': {
    rows: [rowOn(ON_ECS, failed)],
    record: { place: ON_ECS, placeSince: slot },
  },
}

const ledgerOf = (store: ReturnType<typeof memoryStore>) => {
  const deps = { store, clock: { ...systemClock, now: () => now }, pageTimeoutMs: 9_000, signals: [] }
  return pagesOf(
    readMethods(async () => deps),
    'dynamodb:cronledger',
    now,
  )
}

async function filledStore() {
  const store = memoryStore()
  for (const [task, { rows = [], record, isNewer, duplicates = 0 }] of Object.entries(TASKS)) {
    const stated = recordWith([{ since: slot, spec: schedule }], record)
    await writeRecord(task, stated, 'absent', store, CALL)
    for (const row of rows) {
      const own = { ...row, task, schedule, windowEnd: row.slot + DAY_MS } as Row
      store.writeRaw({ ...encodeRow(own), ...(isNewer && { schemaVersion: 9 }) })
    }
    for (let index = 0; index < duplicates; index++) {
      const rejection = { runId: `dup-${index}`, kind: 'duplicate', cause: 'completed', host: 'other' } as const
      const at = slot + 2_922_000 + index * 137
      await store.note({ task, slot }, { ...rejection, trigger: SCHEDULED, at }, CALL)
    }
  }
  return store
}

const slotPage = (task: string, minute = '03:00') => `/slot?task=${task}&slot=2026-11-24T${minute}:00Z`
const PAGES = [
  '/',
  '/needs',
  '/?q=none',
  '/nothing',
  '/task?task=nobody',
  ...['failed', 'completed', 'completed&status=failed', 'paused', 'retired', 'missed', 'lone'].map(
    (task) => `/task?task=${task}`,
  ),
  ...['running', 'stale', 'completed', 'skipped', 'unusual', 'on-ecs', 'paused', 'lone'].map((task) => slotPage(task)),
  slotPage('due', '03:59'),
  slotPage('scheduled', '04:01'),
]

/** Lines that differ in a name, a number or a time only are one. */
const nameOf = (line: string) => line.replaceAll(new RegExp(`\\b(${Object.keys(TASKS).join('|')})\\b|\\d+`, 'g'), '')

test('the texts of the pages read as in texts.txt', async () => {
  const known = new Set<string>()
  const sectionOf = (name: string, html: string) => {
    // A placeholder that is marked is a part of a word. A line that opens is a line of its own.
    const page = html.replace(/<\/?mark[^>]*>/g, '').replaceAll('</summary>', '</summary>\n')
    const own = textOf(page)
      .split('\n')
      .filter((line) => {
        const { size } = known
        return known.add(nameOf(line)).size > size
      })
    return `== ${name}\n\n${own.join('\n')}\n`
  }
  const ask = ledgerOf(await filledStore())
  const texts = [sectionOf('/ of an empty ledger', await ledgerOf(memoryStore())('/'))]
  for (const address of PAGES) texts.push(sectionOf(address, await ask(address)))
  await expect(texts.join('\n')).toMatchFileSnapshot('texts.txt')
})

test('each kind of finding has a detail of its own', () => {
  expect(FINDINGS.map(({ kind }) => kind)).toEqual(Object.keys(NO_FINDINGS))
  expect(new Set(FINDINGS.map((found) => findingDetail(found))).size).toBe(FINDINGS.length)
})
