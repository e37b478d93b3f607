import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hidePassword } from '../../../src/store/password.ts'
import { readAddress } from '../../../src/store/postgres/address.ts'

const folder = mkdtempSync(join(tmpdir(), 'cronledger-'))

describe('the address of a ledger in PostgreSQL', () => {
  test('gives the server, the user, the database and the table', () => {
    const { config, place, schema, table } = readAddress(
      'postgres://ada:p%40ss@db.example:6543/billing?schema=batch&table=runs',
      {},
    )
    expect(config).toMatchObject({ host: 'db.example', port: 6543, user: 'ada', password: 'p@ss', database: 'billing' })
    expect([place, schema, table]).toEqual(['database "billing" on db.example:6543', 'batch', 'runs'])
  })

  test('takes what it leaves out from the service file, then from the variables of libpq', () => {
    const PGSERVICEFILE = join(folder, 'services')
    writeFileSync(PGSERVICEFILE, '[other]\nhost=no\n\n[ledger]\n# here\nhost = db.example\nuser=ada\n[last]\nuser=no\n')
    const env = { PGSERVICEFILE, PGUSER: 'bob', PGPASSWORD: 'secret', PGDATABASE: 'billing', PGPORT: '' }
    expect(readAddress('postgresql://?service=ledger', env).config).toMatchObject({
      host: 'db.example',
      user: 'ada',
      password: 'secret',
      database: 'billing',
      port: 5432,
    })
    expect(() => readAddress('postgres://?service=none', env)).toThrow('has no service "none"')
  })

  test('verifies TLS unless the server is this host or sslmode says otherwise', () => {
    const ssl = (address: string, env = {}) => readAddress(address, env).config.ssl
    expect(ssl('postgres://db.example/x')).toMatchObject({ rejectUnauthorized: true })
    expect(ssl('postgres://db.example/x')).not.toHaveProperty('checkServerIdentity')
    expect(ssl('postgres://db.example/x?sslmode=verify-ca')).toHaveProperty('checkServerIdentity')
    expect(ssl('postgres://db.example/x', { PGSSLMODE: 'require' })).toMatchObject({ rejectUnauthorized: false })
    // As with libpq: who names an authority wants the certificate to be from it.
    const authority = `sslmode=require&sslrootcert=${join(folder, 'services')}`
    expect(ssl(`postgres://db.example/x?${authority}`)).toMatchObject({ rejectUnauthorized: true })
    expect(ssl('postgres://localhost/x')).toBe(false)
    expect(ssl('postgres:///x?host=/var/run/postgresql')).toBe(false)
    expect(() => ssl('postgres://db.example/x?sslmode=prefer')).toThrow('sslmode "prefer" is not allowed')
    expect(() => ssl('postgres://db.example/x?sslrootcert=/none.pem')).toThrow('"/none.pem", which cannot be read')
  })

  test.each([
    ['postgres://ada:s#cret@db/x', 'Use postgres://USER@HOST:PORT/DATABASE'],
    ['postgres://ada:s/cret@db/x', 'Use postgres://USER@HOST:PORT/DATABASE'],
    ['postgres://ada:12?s3cret@db/x', 'Use postgres://USER@HOST:PORT/DATABASE'],
    ['postgres://db/x?sslpassword=s3cret', 'Use postgres://USER@HOST:PORT/DATABASE'],
    ['postgres://db/x?PASSWORD=s3cret', 'Use postgres://USER@HOST:PORT/DATABASE'],
    ['postgres://db/x?sslmod=require', 'It has no parameter "sslmod"'],
    ['postgres://db/x?schema=Batch', '"Batch" is not a name of a-z, 0-9 and _'],
    ['postgres://db/x?port=five', '"five" is not the number of a port'],
  ])('%s is not valid, and no part of a password is shown', (address, text) => {
    expect(() => readAddress(address, {})).toThrow(text)
    expect(() => readAddress(address, {})).not.toThrow(/s.cret/)
  })

  test('is known without its password outside of the connection', () => {
    const name = hidePassword('postgres://ada:s3cret@db.example/billing?schema=batch')
    expect(name).toBe('postgres://ada@db.example/billing?schema=batch')
    expect(hidePassword('postgres://ada@db.example/billing?password=s3cret')).toBe('postgres://ada@db.example/billing')
    expect(hidePassword('postgres://ada:s3cret@db.example/billing?password=')).toBe('postgres://ada@db.example/billing')
    expect(readAddress(name, {})).toMatchObject({ name, config: { password: 's3cret' } })
    expect(hidePassword('dynamodb:a')).toBe('dynamodb:a')
  })
})
