import { NO_NOTES } from '../../../src/core/row/rejections.ts'
import { dayOf, encodeNotes, encodeRow, formatSlot } from '../../../src/core/row/stored-row.ts'
import type { Row } from '../../../src/core/types.ts'
import { openFileDatabase } from '../../../src/store/file/database.ts'

const INSERT =
  'INSERT INTO rows (day, version, schema_version, document, notes, task, slot) VALUES (?, ?, ?, ?, ?, ?, ?)'

/** In one transaction: through the store, each row would wait for the disk. */
export function seedLedger(path: string, rows: Iterable<Row>): void {
  const database = openFileDatabase(path)
  database.transact('create', ({ run }) => {
    for (const row of rows) {
      const notes = JSON.stringify(encodeNotes({ ...NO_NOTES, ...row.rejections }))
      const owned = [dayOf(row.slot), row.version, row.schemaVersion, JSON.stringify(encodeRow(row))]
      run(INSERT, ...owned, notes, row.task, formatSlot(row.slot))
    }
  })
  database.close()
}
