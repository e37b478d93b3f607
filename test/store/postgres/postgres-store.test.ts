import pg from 'pg'
import { afterAll, beforeAll, describe } from 'vitest'
import { NO_NOTES } from '../../../src/core/row/rejections.ts'
import { encodeNotes } from '../../../src/core/row/stored-row.ts'
import { openPostgresStore } from '../../../src/store/postgres/postgres-store.ts'
import { setUpPostgres } from '../../../src/store/postgres/setup-postgres.ts'
import type { Store } from '../../../src/store/store.ts'
import { hasPostgres, OWNER, type PostgresServer, startPostgres } from '../../support/postgres.ts'
import { contract } from '../contract.ts'

const call = () => ({ signal: AbortSignal.timeout(120_000) })

describe.skipIf(!hasPostgres)('the PostgreSQL store', () => {
  let server: PostgresServer
  let store: Store
  let raw: pg.Client
  beforeAll(async () => {
    server = await startPostgres()
    await setUpPostgres(server.address(), {}, call())
    store = openPostgresStore(server.address(), {})
    raw = new pg.Client({ host: server.folder, user: OWNER, database: 'postgres' })
    await raw.connect()
  })
  afterAll(async () => {
    store.close()
    await raw.end()
    await server.remove()
  })
  contract(() => ({
    store,
    async writeRaw(document) {
      const { task, slot, day, version, schemaVersion } = document
      await raw.query('INSERT INTO cronledger VALUES ($1, $2, $3, $4, $5, NULL, $6, $7)', [
        task,
        slot,
        day,
        version,
        schemaVersion,
        JSON.stringify(document),
        JSON.stringify(encodeNotes(NO_NOTES)),
      ])
    },
    async readRaw({ task, slot }) {
      const { rows } = await raw.query(
        'SELECT document || notes AS all FROM cronledger WHERE task = $1 AND slot = $2',
        [task, slot],
      )
      return rows[0].all
    },
  }))
})
