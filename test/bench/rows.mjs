import { NO_NOTES } from '../../dist/core/row/rejections.js'
import { encodeNotes, encodeRow, formatSlot } from '../../dist/core/row/stored-row.js'
import { claimRow, finishRow } from '../../dist/core/row/transition.js'
import { EMPTY_TASK_RECORD, encodeTaskRecord } from '../../dist/core/task/task-record.js'
import { openFileDatabase } from '../../dist/store/file/database.js'

export function rowOf(task, slot, stepMs, schedule, outcome = 'succeeded') {
  const claim = {
    task,
    window: { slot, end: slot + stepMs },
    schedule,
    zoneData: '2026a',
    runId: `run${slot}`,
    trigger: { kind: 'scheduled', eventTime: slot, source: 'event-time' },
    host: { host: 'host' },
  }
  const begun = claimRow(null, claim, { writeId: 'a', now: slot }, 600_000)
  const exitCode = outcome === 'succeeded' ? 0 : 1
  return finishRow(begun, { outcome, exitCode }, { writeId: 'b', now: slot + 5_000 })
}

export function recordOf(schedule, since) {
  return encodeTaskRecord({ ...EMPTY_TASK_RECORD, schedules: [{ since, spec: schedule }] })
}

/** In one transaction: through the store, each row would wait for the disk. */
export function seedFile(path, tasks, { count, newest, stepMs, expression, zone = 'UTC' }) {
  const schedule = { expression, zone }
  const first = newest - (count - 1) * stepMs
  const database = openFileDatabase(path)
  database.transact('create', ({ run }) => {
    for (const task of tasks) {
      for (let slot = first; slot <= newest; slot += stepMs) {
        const row = rowOf(task, slot, stepMs, schedule)
        run(
          'INSERT INTO rows (day, version, schema_version, document, notes, task, slot) VALUES (?, ?, ?, ?, ?, ?, ?)',
          ...[formatSlot(slot).slice(0, 10), row.version, row.schemaVersion, JSON.stringify(encodeRow(row))],
          ...[JSON.stringify(encodeNotes(NO_NOTES)), task, formatSlot(slot)],
        )
      }
      const sql = 'INSERT INTO entries (version, document, kind, task) VALUES (1, ?, ?, ?)'
      run(sql, JSON.stringify(recordOf(schedule, first)), '#task', task)
    }
  })
  database.close()
}
