// Writes the ledger of the invented company (company.mjs) into a file: its slots with the writers of cronledger, because
// real runs would take weeks, and its pauses with the command line.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { decide } from '../../dist/core/row/decide.js'
import { addRejection, NO_NOTES } from '../../dist/core/row/rejections.js'
import { dayOf, encodeNotes, encodeRow, formatSlot } from '../../dist/core/row/stored-row.js'
import { claimRow, finishRow, resolveRow } from '../../dist/core/row/transition.js'
import { parseSchedule } from '../../dist/core/schedule/schedule.js'
import { slotBefore, windowOf } from '../../dist/core/schedule/slot.js'
import { EMPTY_TASK_RECORD, encodeTaskRecord } from '../../dist/core/task/task-record.js'
import { openFileDatabase } from '../../dist/store/file/database.js'
import { duplicatesOf, fateOf, OWNERS, PAUSES, tasksAt } from './company.mjs'

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const MINUTE_MS = 60_000
const LEASE_MS = 10 * MINUTE_MS
const POLICY = { maxAttempts: 1, maxLatenessMs: null, skewMs: 30_000 }
const INSERT_ROW =
  'INSERT INTO rows (day, version, schema_version, document, notes, task, slot) VALUES (?, ?, ?, ?, ?, ?, ?)'
const NETWORK = JSON.stringify({
  awsvpcConfiguration: { subnets: ['subnet-0b1c2d3e'], securityGroups: ['sg-0a1b2c3d'], assignPublicIp: 'DISABLED' },
})
const INSERT_ENTRY = 'INSERT INTO entries (version, document, kind, task) VALUES (1, ?, ?, ?)'

/** Writes the ledger of the company into a new file. */
export function writeLedger(path, now) {
  const database = openFileDatabase(path)
  database.transact('create', ({ run }) => {
    for (const plan of tasksAt(now)) {
      const schedule = parseSchedule(plan.spec)
      let oldest = now
      for (const [ago, slot] of slotsOf(schedule, plan, now).entries()) {
        oldest = slot
        const row = rowOf(plan, { slot, ago, end: windowOf(schedule, slot)?.next ?? null, now })
        if (row === null) continue
        const notes = JSON.stringify(encodeNotes({ ...NO_NOTES, ...row.rejections }))
        const values = [dayOf(slot), row.version, row.schemaVersion, JSON.stringify(encodeRow(row)), notes]
        run(INSERT_ROW, ...values, plan.task, formatSlot(slot))
      }
      run(INSERT_ENTRY, JSON.stringify(encodeTaskRecord(recordOf(plan, oldest))), '#task', plan.task)
    }
  })
  database.close()
  for (const { task, reason, days } of PAUSES) {
    const until = new Date(now + days * 24 * 60 * MINUTE_MS).toISOString()
    const args = ['pause', task, '--store', `file:${path}`, '--reason', reason, '--by', 'ada', '--until', until]
    execFileSync(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  }
}

/** Returns the slots of a task, newest first. */
function slotsOf(schedule, { keptMs }, now) {
  const slots = []
  for (let slot = windowOf(schedule, now)?.slot ?? null; slot !== null; slot = slotBefore(schedule, slot)) {
    if (slot < now - keptMs) break
    slots.push(slot)
  }
  return slots
}

function recordOf({ task, spec }, since) {
  const owner = OWNERS[task.split('/')[0]]
  return {
    ...EMPTY_TASK_RECORD,
    schedules: [{ since, spec }],
    expectations: owner === undefined ? null : { owner, since },
    place: { ...ecsOf(task), network: NETWORK },
    placeSince: since,
  }
}

/** The tasks of the company run on Fargate. */
function ecsOf(task) {
  const family = task.replace('/', '-')
  return {
    kind: 'ecs',
    region: 'ap-northeast-1',
    cluster: 'batch',
    taskDefinition: `${family}:7`,
    container: 'batch',
    launchType: 'FARGATE',
    awsvpc: true,
    logGroup: `/ecs/${family}`,
  }
}

/** Returns the row of a slot, or null if the slot was missed. */
function rowOf(plan, { slot, ago, end, now }) {
  const { task, spec, minutes } = plan
  const fate = fateOf(plan, slot, ago, now)
  if (fate === 'missed') return null
  const spread = (slot / MINUTE_MS) % 17
  const startedAt = Math.min(slot + 6_000 + spread * 2_000, now - 20_000)
  const endedAt = Math.min(startedAt + minutes * MINUTE_MS * (0.85 + spread / 50), now - 5_000)
  const stamp = (at) => ({ writeId: `${slot}${at}`, now: Math.floor(at) })
  const claim = (number, trigger) => ({
    ...{ task, spec, schedule: spec, window: { slot, end }, zoneData: '2026a', trigger },
    ...{ runId: idOf(slot, number), host: hostOf(slot, number) },
    place: { ...ecsOf(task), logStream: `cronledger/batch/${idOf(slot, number)}` },
  })
  const scheduled = claim(1, { kind: 'scheduled', eventTime: slot, source: 'event-time' })
  const begun = claimRow(null, scheduled, stamp(startedAt), fate === 'running' ? now - startedAt + LEASE_MS : LEASE_MS)
  const ended = (row, isOk, at) =>
    finishRow(row, isOk ? { outcome: 'succeeded', exitCode: 0 } : { outcome: 'failed', exitCode: 1 }, stamp(at))
  const made = () => {
    switch (fate) {
      case 'failed':
        return ended(begun, false, startedAt + 8_000)
      case 'running':
      case 'stale':
        return begun
      case 'skipped':
        return resolveRow(
          null,
          { ...scheduled, state: 'SKIPPED', by: 'ada', reason: 'public holiday, no report is needed' },
          stamp(slot - MINUTE_MS),
        )
      case 'rerun': {
        const failed = ended(begun, false, endedAt)
        const forced = claim(2, { kind: 'forced', by: 'ada', reason: 'the input file was late' })
        const again = claimRow(failed, forced, stamp(endedAt + 20 * MINUTE_MS), LEASE_MS)
        return ended(again, true, endedAt + (20 + minutes) * MINUTE_MS)
      }
      default:
        return ended(begun, true, endedAt)
    }
  }
  const row = made()
  const rowAt = (at) => (row.attempts.at(-1)?.endedAt > at ? begun : row)
  return { ...row, rejections: rejectionsOf(slot, duplicatesOf(task, slot, ago), rowAt, now) }
}

/** Further triggers of a slot. The rules of cronledger say whether each is a duplicate or refused, by the row at its time. */
function rejectionsOf(slot, count, rowAt, now) {
  let notes = NO_NOTES
  for (let index = 0; index < count; index += 1) {
    const at = Math.min(slot + 90_000 + index * 140, now - 1_000)
    const trigger = { kind: 'scheduled', eventTime: slot, source: 'event-time' }
    const facts = { now: at, survivor: null, objection: null }
    const { kind, cause } = decide(rowAt(at), { ...trigger, slot }, POLICY, facts)
    notes = addRejection(notes, {
      ...{ runId: idOf(slot, 100 + index), kind, cause, at, trigger },
      ...hostOf(slot, 100 + index),
    })
  }
  const { rejectedBy: _, ...kept } = notes
  return kept
}

function hostOf(slot, number) {
  const host = `ip-10-0-3-${(slot / MINUTE_MS + number) % 200}`
  return { host, ecsTask: `arn:aws:ecs:ap-northeast-1:123456789012:task/batch/${idOf(slot, number)}` }
}

/** Returns the id of an ECS task that is the same each time for a slot and an attempt. */
function idOf(slot, number) {
  return `${(slot / 1000).toString(16)}${number.toString(16).padStart(4, '0')}`.padEnd(32, '158d1c8083dd49d6b527399f')
}
