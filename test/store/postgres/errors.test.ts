import pg from 'pg'
import { expect, test } from 'vitest'
import { readAddress } from '../../../src/store/postgres/address.ts'
import { postgresError } from '../../../src/store/postgres/errors.ts'

const answer = (code: string, wasSent: boolean, what = 'a claim', text = 'no') => {
  const error = Object.assign(new pg.DatabaseError(text, 0, 'error'), { code })
  return postgresError(error, { what, address: readAddress('postgres://db.example/x', {}), wasSent })
}

test.each([
  ['28P01', 'a claim', 'denied', /Check PGPASSWORD/],
  ['28000', 'a claim', 'denied', /Check the user, and pg_hba.conf/],
  ['42501', 'a claim', 'denied', /cronledger template postgres/],
  ['42501', 'setup', 'denied', /GRANT USAGE, CREATE ON SCHEMA public TO "/],
  ['3D000', 'a claim', 'shape', /create the database/],
  ['3F000', 'setup', 'shape', /CREATE SCHEMA public/],
  ['42P01', 'a claim', 'shape', /cronledger setup --store/],
  ['42703', 'a claim', 'shape', /cronledger setup --store/],
  ['25006', 'a claim', 'unreachable', /is a standby or read-only/],
  ['53300', 'a claim', 'unreachable', /raise max_connections/],
  ['57P03', 'a claim', 'unreachable', /no clear answer/],
])('%s of %s is %s, and the message says who can mend it', (code, what, kind, text) => {
  expect(answer(code, true, what)).toMatchObject({ kind, message: expect.stringMatching(text) })
})

test('an error of PostgreSQL that PgBouncer reports for a wrong password, or for a database that is missing, has the kind of its text', () => {
  expect(answer('08P01', false, 'a claim', 'password authentication failed').kind).toBe('denied')
  expect(answer('08P01', false, 'a claim', 'no such database: x').kind).toBe('shape')
})

test.each(['40001', '42501', '53100', '55P03', '22P05'])('%s is about the statement, which was rolled back', (code) => {
  expect(answer(code, true).changedNothing).toBe(true)
})

// promise: postgres-many-triggers
test.each([
  ['08P01', 'PgBouncer, whose connection to the server broke'],
  ['40003', 'it is unknown whether the transaction was committed'],
  ['57P01', 'the server is shut down'],
  ['58000', 'a pooler that lost the server'],
  ['XX000', 'a bug'],
])('%s (%s) leaves open whether the statement was applied', (code) => {
  expect(answer(code, true)).toMatchObject({ kind: 'unreachable', changedNothing: false })
  expect(answer(code, false)).toMatchObject({ kind: 'unreachable', changedNothing: true })
})
