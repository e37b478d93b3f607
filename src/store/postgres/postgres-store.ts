import { LedgerError, quote } from '../../core/errors.ts'
import { addRejection, isNoted, NO_NOTES } from '../../core/row/rejections.ts'
import { readableRow } from '../../core/row/status.ts'
import { dayOf, encodeNotes, encodeRow, OWNER_FIELDS } from '../../core/row/stored-row.ts'
import {
  type Environment,
  type Key,
  type Rejection,
  type Row,
  SCHEMA_VERSION,
  type StoredRow,
} from '../../core/types.ts'
import { AFTER_ALL, after, slotBounds, storedKey, TASK_ENTRY } from '../page.ts'
import { type Columns, columnReader, SLOTS_PER_PAGE, slotsPage } from '../sql-rows.ts'
import type { CallOptions, Expected, PutResult, Store } from '../store.ts'
import { connectPostgres, type Postgres } from './connection.ts'
import { standbyText } from './errors.ts'
import { mayBeHidden } from './row-security.ts'

/**
 * Raises `synchronous_commit` for this transaction if a role or a database has turned it down: an acknowledged write must
 * be on disk, and on the standby if the server has a synchronous one. A warning is how the server says that the standby may not
 * have it, so a role may not hide warnings either.
 * Source: https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
 */
const DURABLE = `WITH durable AS MATERIALIZED (
    SELECT CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
      THEN set_config('synchronous_commit', 'on', true) END AS setting,
      set_config('client_min_messages', 'warning', true) AS messages
  )`

const columns = columnReader(parseJson)

/** The statements of a ledger. Each write is one statement, so it is applied completely or not at all. */
function statementsFor(table: string) {
  return {
    insert: `${DURABLE}
      INSERT INTO ${table} (task, slot, day, version, schema_version, expires_at, document, notes)
      SELECT $1, $2, $3, $4::int, $5::int, to_timestamp($6::float8), $7::jsonb, $8::jsonb FROM durable
      ON CONFLICT DO NOTHING RETURNING version`,
    // Fields that a later minor version wrote must stay.
    update: `${DURABLE}
      UPDATE ${table} SET day = $3, version = $4::int, schema_version = $5::int, expires_at = to_timestamp($6::float8),
        document = (document - $8::text[]) || $7::jsonb
      FROM durable WHERE task = $1 AND slot = $2 AND version = $9::int AND document ->> 'ownerRunId' = $10
        AND schema_version = ${SCHEMA_VERSION} RETURNING version`,
    // Changes nothing, but it is a write, so its answer waits for the standby: what it returns is there. A read waits for
    // nothing, nor does an insert that meets a row, and an unanswered write can be visible here and missing on the standby.
    confirm: `${DURABLE}
      UPDATE ${table} SET version = version FROM durable WHERE task = $1 AND slot = $2
      RETURNING document::text, notes::text`,
    // It answers with one row even if there is nothing to find, and that says whether the server is a standby.
    select: `SELECT document::text, notes::text, version, pg_is_in_recovery() AS standby,
      row_security_active('${table}') AS limited FROM (SELECT 1) AS one LEFT JOIN ${table} ON task = $1 AND slot = $2`,
    updateNotes: `${DURABLE}
      UPDATE ${table} SET notes = $3::jsonb FROM durable
      WHERE task = $1 AND slot = $2 AND schema_version = ${SCHEMA_VERSION} AND notes = $4::jsonb RETURNING version`,
    updateEntry: `${DURABLE}
      UPDATE ${table} SET version = $3::int, document = $4::jsonb FROM durable
      WHERE task = $1 AND slot = $2 AND version = $5::int RETURNING version`,
    listTask: orStandby(
      `SELECT task, slot, document::text, notes::text FROM ${table}
        WHERE task = $1 AND slot >= $2 AND slot < $3 ORDER BY slot DESC LIMIT $4`,
      'slot DESC',
    ),
    listDay: orStandby(
      `SELECT task, slot, document::text, notes::text FROM ${table}
        WHERE day = $1 AND starts_with(slot, $1) AND (slot, task) < ($2, $3) ORDER BY slot DESC, task DESC LIMIT $4`,
      'slot DESC, task DESC',
    ),
    listSlots: orStandby(
      `SELECT task, slot, document ->> 'state' AS state, document #>> '{attempts,0,outcome}' AS outcome
        FROM ${table} WHERE task = $1 AND slot >= $2 AND slot <= $3 ORDER BY slot DESC LIMIT ${SLOTS_PER_PAGE + 1}`,
      'slot DESC',
    ),
    listTasks: orStandby(
      `SELECT task FROM ${table} WHERE slot = '${TASK_ENTRY}'
        UNION SELECT task FROM ${table} WHERE day = ANY($1::text[]) AND starts_with(slot, day)`,
      'task',
    ),
    selectEntries: orStandby(
      `SELECT task, version, document::text FROM ${table}
        WHERE slot = '${TASK_ENTRY}' AND task = ANY($1::text[])`,
      'task',
    ),
  }
}

/** Returns a query that answers with a row even if there is nothing to find, and that says whether the server is a standby. */
function orStandby(query: string, order: string): string {
  return `SELECT page.*, pg_is_in_recovery() AS standby FROM (SELECT 1) AS one LEFT JOIN (${query}) AS page ON true
    ORDER BY ${order}`
}

/** A claim and a finish are one statement each. */
export function openPostgresStore(name: string, env: Environment): Store {
  const postgres = connectPostgres(name, env)
  const { address, close } = postgres
  const sql = statementsFor(`${address.schema}.${address.table}`)

  return {
    close,
    get: (key, call) => get(postgres, sql, key, call),

    put: (row, expected, call) => put(postgres, sql, row, expected, call),

    note: (key, rejection, call) => note(postgres, sql, key, rejection, call),

    async list(asked, call) {
      const { limit, cursor } = asked
      if (asked.kind === 'day') {
        const values = [asked.day, cursor?.slot ?? AFTER_ALL, cursor?.task ?? '', limit + 1]
        return columns.readPage(await query(postgres, sql.listDay, values, call), limit)
      }
      const { first, last } = slotBounds(asked)
      const values = [asked.task, first, cursor?.slot ?? after(last), limit + 1]
      return columns.readPage(await query(postgres, sql.listTask, values, call), limit)
    },

    async listSlots({ task, ...range }, call) {
      const { first, last } = slotBounds(range)
      return slotsPage(task, await query(postgres, sql.listSlots, [task, first, last], call))
    },

    async readEntry({ kind, task }, call) {
      const found = await find(postgres, sql, task, kind, call)
      return found === null ? null : columns.readEntry(found)
    },

    async writeEntry({ kind, task }, { version, document }, expected, call) {
      const text = toJson(document)
      const written =
        expected === 'absent'
          ? await postgres.ask(
              'a write',
              sql.insert,
              [task, kind, null, version, SCHEMA_VERSION, null, text, '{}'],
              call,
            )
          : await postgres.ask('a write', sql.updateEntry, [task, kind, version, text, expected], call)
      if (written.length > 0) return 'ok'
      // The caller may now read its own write, so that must be on the standby.
      await postgres.ask('a write', sql.confirm, [task, kind], call)
      return 'conflict'
    },

    async listTasks(call, days = []) {
      return (await query(postgres, sql.listTasks, [days], call)).map(({ task }) => String(task))
    },

    async readTaskEntries(tasks, call) {
      const found = await query(postgres, sql.selectEntries, [tasks], call)
      return new Map(found.map((entry) => [String(entry['task']), columns.readEntry(entry)]))
    },
  }
}

type Statements = ReturnType<typeof statementsFor>

async function get(postgres: Postgres, sql: Statements, key: Key, call: CallOptions): Promise<StoredRow | null> {
  const { task, slot } = storedKey(key)
  const found = await find(postgres, sql, task, slot, call)
  return found === null ? null : columns.readRow({ ...found, task, slot })
}

async function put(
  postgres: Postgres,
  sql: Statements,
  row: Row,
  expected: Expected,
  call: CallOptions,
): Promise<PutResult> {
  const { task, slot } = storedKey(row)
  const document = toJson(encodeRow(row))
  const expiresAt = row.expiresAt === null ? null : row.expiresAt / 1000
  const owned = [task, slot, dayOf(row.slot), row.version, row.schemaVersion, expiresAt, document]
  const written =
    expected === 'absent'
      ? await postgres.ask('a claim', sql.insert, [...owned, EMPTY_NOTES], call)
      : await postgres.ask('a write', sql.update, [...owned, OWNER_FIELDS, expected.version, expected.ownerRunId], call)
  if (written.length > 0) return { kind: 'ok' }
  if (expected === 'absent') {
    const found = await get(postgres, sql, row, call)
    // The trigger is a duplicate, which starts nothing.
    if (readableRow(found)?.writeId !== row.writeId) return { kind: 'conflict', found }
  }
  const [found] = await postgres.ask('a write', sql.confirm, [task, slot], call)
  return { kind: 'conflict', found: found === undefined ? null : columns.readRow({ ...found, task, slot }) }
}

async function note(
  postgres: Postgres,
  sql: Statements,
  key: Key,
  rejection: Rejection,
  call: CallOptions,
): Promise<boolean> {
  const { task, slot } = storedKey(key)
  // One of those that write at the same time always succeeds.
  for (let tries = 1; tries <= NOTE_TRIES; tries += 1) {
    const found = await find(postgres, sql, task, slot, call)
    if (found === null || 'newerSchema' in columns.readRow({ ...found, task, slot })) return false
    const notes = columns.readNotes({ ...found, task, slot })
    if (isNoted(notes, rejection.runId)) {
      await postgres.ask('a note', sql.confirm, [task, slot], call)
      return true
    }
    const more = toJson(encodeNotes(addRejection(notes, rejection)))
    const written = await postgres.ask('a note', sql.updateNotes, [task, slot, more, found['notes']], call)
    if (written.length > 0) return true
  }
  const text = `others changed the row of ${task} ${slot} in ${postgres.address.place} before each of ${NOTE_TRIES} tries to note a rejection`
  throw new LedgerError('unreachable', text, { changedNothing: true })
}

/** Reads what is stored under a key. Throws if the server is a standby, because that one shows the past. */
async function find(postgres: Postgres, sql: Statements, task: string, slot: string, call: CallOptions) {
  const [found] = await postgres.ask('a read', sql.select, [task, slot], call)
  checkPrimary(postgres, found)
  if (found !== undefined && found['version'] !== null) return found
  if (slot === TASK_ENTRY && found?.['limited'] === true && (await mayBeHidden(postgres, task, call))) {
    const { place, config } = postgres.address
    throw new LedgerError(
      'denied',
      `no row of task ${task} can be seen in ${place}: nothing of it is recorded yet, or row-level security hides it from user ${quote(String(config.user))}. Use a user who may see the task, or give it the right: cronledger template postgres`,
      { changedNothing: true },
    )
  }
  return null
}

async function query(postgres: Postgres, sql: string, values: readonly unknown[], call: CallOptions) {
  const found = await postgres.ask('a query', sql, values, call)
  checkPrimary(postgres, found[0])
  return found.filter(({ task }) => task !== null)
}

function checkPrimary(postgres: Postgres, answer: Columns | undefined): void {
  if (answer?.['standby'] === true)
    throw new LedgerError('unreachable', standbyText(postgres.address.place), { changedNothing: true })
}

/** The caller waits and asks again. Without a limit, an update that never finds its row would ask a thousand times in a second. */
const NOTE_TRIES = 20

const EMPTY_NOTES = toJson(encodeNotes(NO_NOTES))

// PostgreSQL has no NUL in its texts, and refuses a half of a surrogate pair. A NUL is stored as U+E000 and 0, and U+E000
// itself as U+E000 and 1. Halves of pairs become U+FFFD, as everything does that is written in UTF-8.

const MARKED = /[\0\uE000]/g
const HALF = /\p{Surrogate}/gu
const MARK = /\uE000([01])/g

function toJson(document: unknown): string {
  return JSON.stringify(document, (_, value: unknown) =>
    typeof value === 'string'
      ? value.replace(HALF, '\uFFFD').replace(MARKED, (character) => (character === '\0' ? '\uE0000' : '\uE0001'))
      : value,
  )
}

function parseJson(column: unknown): unknown {
  const text = String(column)
  if (!text.includes('\uE000')) return JSON.parse(text)
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'string' ? value.replace(MARK, (_mark, digit) => (digit === '0' ? '\0' : '\uE000')) : value,
  )
}
