import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { readAddress } from '../../../src/store/postgres/address.ts'
import { postgresError } from '../../../src/store/postgres/errors.ts'

const answer = (code: string, wasSent: boolean) => {
  const error = Object.assign(new pg.DatabaseError('no', 0, 'error'), { code })
  return postgresError(error, { what: 'a claim', address: readAddress('postgres://db.example/x', {}), wasSent })
}

describe('an error of PostgreSQL', () => {
  test.each(['40001', '42501', '53100', '55P03', '22P05'])(
    '%s is about the statement, which was rolled back',
    (code) => {
      expect(answer(code, true).changedNothing).toBe(true)
    },
  )

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
})
