import { clockFinding, type InspectSettings, notOk, ok, type SetupFinding, wrong } from '../finding.ts'
import type { Columns } from '../sql-rows.ts'
import type { CallOptions } from '../store.ts'
import { connectPostgres, type Postgres } from './connection.ts'
import { encodingText, standbyText } from './errors.ts'
import { denialOfClaim, mayBeHidden } from './row-security.ts'
import { COLUMNS, missingParts } from './setup-postgres.ts'

const RIGHTS = {
  runner: ['SELECT', 'INSERT', 'UPDATE'],
  operator: ['SELECT', 'INSERT', 'UPDATE'],
  auditor: ['SELECT'],
  checker: ['SELECT', 'INSERT', 'UPDATE'],
} as const

const SERVER = `SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS standby,
  current_setting('fsync') AS fsync,
  current_setting('synchronous_standby_names') AS synchronous, current_setting('server_encoding') AS encoding,
  (SELECT count(*) FROM pg_stat_replication)::int AS standbys,
  (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`

/** A clock is compared to the second. */
const HALF_SECOND_MS = 500

export async function* inspectPostgres(name: string, settings: InspectSettings, call: CallOptions) {
  const postgres = connectPostgres(name, settings.env)
  const { place, schema, table } = postgres.address
  const ask = (sql: string, values: readonly unknown[] = []) => postgres.ask('a check', sql, values, call)
  let what = 'server'
  try {
    const sent = settings.now()
    const [server = {}] = await ask(SERVER)
    const answered = settings.now()
    yield server['standby'] === true
      ? notOk(what, 'shape', standbyText(place))
      : ok(what, `PostgreSQL ${String(server['version'])}, ${place}`)
    const encoding = String(server['encoding'])
    if (encoding !== 'UTF8') yield notOk('encoding', 'shape', encodingText(encoding))
    yield durabilityFinding(server)
    const clock = Number(server['now'])
    yield clockFinding(clock - answered - HALF_SECOND_MS, clock - sent + HALF_SECOND_MS, settings.skewMs)

    what = 'table'
    const columns = await ask(
      `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2`,
      [schema, table],
    )
    const names = new Set(columns.map((column) => column['name']))
    const missing = COLUMNS.filter((column) => !names.has(column))
    if (missing.length > 0) {
      const is =
        names.size === 0 ? 'does not exist, or this user may not see it' : `has no column ${missing.join(', ')}`
      const text = `table ${schema}.${table} ${is}. Check the address, or make it: cronledger setup --store '${postgres.address.name}'`
      yield notOk(what, 'shape', text)
      return
    }
    yield ok(what, `${schema}.${table}`)
    yield await indexFinding(postgres, call)

    what = 'rights'
    for (const right of RIGHTS[settings.role]) {
      const [found] = await ask('SELECT has_table_privilege($1, $2) AS has', [`${schema}.${table}`, right])
      if (found?.['has'] === true) continue
      const text = `the user may not ${right} in ${schema}.${table}. Give it the rights of the role ${settings.role}: cronledger template postgres`
      yield notOk(what, 'denied', text)
      return
    }
    yield ok(what, `${RIGHTS[settings.role].join(', ')}, as the role ${settings.role} needs them`)
    if (settings.task !== null && settings.role === 'runner') {
      const denial = await denialOfClaim(postgres, settings.task, call)
      yield denial === null ? ok('task', `the user may claim slots of task ${settings.task}`) : wrong('task', denial)
    }
    if (settings.role === 'checker') {
      const denial = await denialOfClaim(postgres, '#told/#check', call)
      yield denial === null ? ok('told', 'the user may write what check --once has told') : wrong('told', denial)
    }
    for (const upstream of await settings.after()) yield await upstreamFinding(postgres, upstream, call)
  } catch (error) {
    yield wrong(what, error)
  } finally {
    postgres.close()
  }
}

function durabilityFinding(server: Columns): SetupFinding {
  const what = 'durability'
  const { fsync, synchronous, standbys } = server
  if (fsync === 'off')
    return notOk(
      what,
      'shape',
      'fsync is off, so a crash of the server can lose a claim, and its batch would run twice. Turn fsync on.',
    )
  if (synchronous !== '') return ok(what, 'a claim is on a synchronous standby before the batch starts')
  const failover = 'after a failover, the last claims before it can be gone, and their batches run twice'
  return ok(what, `on the disk of the server${standbys === 0 ? '' : `. Its standbys are asynchronous: ${failover}`}`)
}

async function indexFinding(postgres: Postgres, call: CallOptions): Promise<SetupFinding> {
  const missing = [...(await missingParts(postgres, call))]
  if (missing.length === 0) return ok('indexes', 'by day, and one for the tasks')
  const text = `${missing.join(' and ')} is missing, so check and history read the whole table. Make it: cronledger setup --store '${postgres.address.name}'`
  return notOk('indexes', 'shape', text)
}

async function upstreamFinding(postgres: Postgres, task: string, call: CallOptions): Promise<SetupFinding> {
  const what = `after ${task}`
  if (!(await mayBeHidden(postgres, task, call))) return ok(what, 'its rows can be read')
  const why = 'no row of it can be seen: it has not run yet, or row-level security hides its rows'
  return notOk(what, 'denied', `${why}. Let the user read them: see --after in cronledger template postgres`)
}
