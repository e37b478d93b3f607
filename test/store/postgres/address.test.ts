import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hideSecret } from '../../../src/store/open.ts'
import { readAddress } from '../../../src/store/postgres/address.ts'
import { scratch } from '../../support/cli.ts'
import { makeFifo } from '../../support/processes/fifo.ts'

const folder = scratch()

test('the address of a ledger in PostgreSQL gives the server, the user, the database and the table', () => {
  const { config, place, schema, table } = readAddress(
    'postgres://ada:p%40ss@db.example:6543/billing?schema=batch&table=runs',
    {},
  )
  expect(config).toMatchObject({ host: 'db.example', port: 6543, user: 'ada', password: 'p@ss', database: 'billing' })
  expect([place, schema, table]).toEqual(['database "billing" on db.example:6543', 'batch', 'runs'])
})

test('the address of a ledger in PostgreSQL takes what it leaves out from the variables of libpq, and refuses a service that would say something else', () => {
  const env = { PGUSER: 'bob', PGPASSWORD: 'secret', PGDATABASE: 'billing', PGPORT: '', PGSERVICE: '' }
  expect(readAddress('postgresql://db.example', env).config).toMatchObject({
    host: 'db.example',
    user: 'bob',
    password: 'secret',
    database: 'billing',
    port: 5432,
  })
  expect(() => readAddress('postgres://db.example', { ...env, PGSERVICE: 'own' })).toThrow(/PGSERVICE is not supported/)
  expect(readAddress('postgres://ada@db/x', { ...env, PGSERVICE: 'own' }).config).toMatchObject({ database: 'x' })
  expect(() => readAddress('postgres://ada@db/x?service=own', {})).toThrow('It has no parameter "service"')
})

test('a ledger in PostgreSQL verifies TLS unless the server is this host or sslmode says otherwise', () => {
  const ssl = (address: string, env = {}) => readAddress(address, env).config.ssl
  expect(ssl('postgres://db.example/x')).toMatchObject({ rejectUnauthorized: true })
  expect(ssl('postgres://db.example/x')).not.toHaveProperty('checkServerIdentity')
  expect(ssl('postgres://db.example/x?sslmode=verify-ca')).toHaveProperty('checkServerIdentity')
  expect(ssl('postgres://db.example/x', { PGSSLMODE: 'require' })).toMatchObject({ rejectUnauthorized: false })
  // As with libpq: who names an authority wants the certificate to be from it.
  writeFileSync(join(folder, 'authority.pem'), '')
  const authority = `sslmode=require&sslrootcert=${join(folder, 'authority.pem')}`
  expect(ssl(`postgres://db.example/x?${authority}`)).toMatchObject({ rejectUnauthorized: true })
  expect(ssl('postgres://localhost/x')).toBe(false)
  expect(ssl('postgres:///x?host=/var/run/postgresql')).toBe(false)
  expect(() => ssl('postgres://db.example/x?sslmode=prefer')).toThrow('sslmode "prefer" is not allowed')
  expect(() => ssl('postgres://db.example/x', { PGSSLMODE: 'prefer' })).toThrow(/^PGSSLMODE "prefer" is not allowed/)
  expect(() => ssl('postgres://db.example/x?sslrootcert=/none.pem')).toThrow('"/none.pem", which cannot be read')
})

test('the address of a ledger in PostgreSQL takes the password from the first line of ~/.pgpass that fits, as libpq does', () => {
  const PGPASSFILE = join(folder, 'pgpass')
  const lines = ['# *:*:*:*:no', 'db:5433:*:*:no', String.raw`db:5432:a\:\\b:ada:s3\:c\\ret`, '*:*:*:bob:on:e\r']
  writeFileSync(PGPASSFILE, [...lines, 'localhost:*:*:*:here', '*:*:*:*:last'].join('\n'), { mode: 0o600 })
  const passwordOf = (address: string) => {
    const { password } = readAddress(address, { PGPASSFILE, PGPASSWORD: '' }).config
    return typeof password === 'function' ? password() : password
  }
  expect(passwordOf('postgres://ada@db/a:%5Cb')).toBe('s3:c\\ret')
  expect(passwordOf('postgres://bob@db/x')).toBe('on:e')
  expect(passwordOf('postgres://?user=eve')).toBe('here')
  expect(passwordOf('postgres://eve@db/x')).toBe('last')
  expect(() => passwordOf(`postgres://eve@db/x?passfile=${folder}/none`)).toThrow(`write it into "${folder}/none"`)
  writeFileSync(PGPASSFILE, 'other:*:*:*:no')
  expect(() => passwordOf('postgres://eve@db/x')).toThrow(/of user "eve".* has no line for it/)
  chmodSync(PGPASSFILE, 0o640)
  expect(() => passwordOf('postgres://eve@db/x')).toThrow(`Run: chmod 600 "${PGPASSFILE}"`)
  makeFifo(join(folder, 'pipe'), 0)
  for (const path of [join(folder, 'pipe'), folder, '/dev/null']) {
    expect(() => passwordOf(`postgres://eve@db/x?passfile=${path}`)).toThrow(`"${path}" is not a regular file`)
  }
})

test.each([
  ['postgres://ada:s#cret@db/x', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://ada:s/cret@db/x', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://ada:12?s3cret@db/x', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://db/x?sslpassword=s3cret', 'It has no parameter "sslpassword"'],
  ['postgres://db/x?token=s3cret', 'It has no parameter "token"'],
  ['postgres://ada:s3cret@db/x?options=-c%20s3cret', 'It has no parameter "options"'],
  ['postgres://db/x?user=ada&password=12&s3_cret', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://db/x?user=ada&password=12&s_cret=1', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://db/x?user=ada:s3cret', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://ada:s3 cret@d b/x', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://ada%3As3cret@db/x', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://ada@db/x;password=s3cret', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://ada:[s3cret@db/x?schema=S', '"S" is not a name'],
  ['postgres://db/x?PASSWORD=s3cret', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://ada:12?s_cret=x@db/x', 'Use postgres://USER@HOST:PORT/DATABASE'],
  ['postgres://ada:s3cret@/x?host=/tmp', 'postgres:///DATABASE?host=/FOLDER&user=USER for a socket'],
  ['postgres://ada:s3cret@one,two/x', '"one,two" is several hosts. Name one'],
  ['postgres://db/x?target_session_attrs=any', 'It has no parameter "target_session_attrs". Allowed: schema,'],
  ['postgres://db/x?sslmod=require', 'It has no parameter "sslmod"'],
  ['postgres://db/x?schema=Batch', '"Batch" is not a name of a-z, 0-9 and _'],
  ['postgres://ada:s%00cret@db/x', 'Its password has a control character'],
  ['postgres://ada@db/x%00', 'Its dbname has a control character'],
  ['postgres://ada%FF@db/x', 'Its user has a control character, or bytes that are not UTF-8'],
  ['postgres://ada@/x?host=a%0Ab', 'postgres:///DATABASE?host=/FOLDER&user=USER for a socket'],
  ['postgres:///x?user=a%7f', 'Its user has a control character'],
  ...['five', '0', '70000'].map((port) => [`postgres://db/x?port=${port}`, `"${port}" is not the number of a port`]),
] as [string, string][])('%s is not valid, and no part of a password is shown', (address, text) => {
  expect(() => readAddress(address, {})).toThrow(text)
  expect(() => readAddress(address, {})).not.toThrow(/s.cret/)
})

test.each([
  ['PGHOST', 'postgres://ada:s3cret@db/x'],
  ['PGHOST', 'one,two'],
  ['PGPORT', 'five'],
])('%s=%s is not valid, and no part of a password is shown', (name, value) => {
  expect(() => readAddress('postgres:///x', { [name]: value })).toThrow(new RegExp(`^${name} "`))
  expect(() => readAddress('postgres:///x', { [name]: value })).not.toThrow(/s3cret/)
})

test('the address of a ledger in PostgreSQL is known without its password outside of the connection', () => {
  const name = hideSecret('postgres://ada:s3cret@db.example/billing?schema=batch')
  expect(name).toBe('postgres://ada@db.example/billing?schema=batch')
  expect(hideSecret('postgres://ada@db.example/billing?password=s3cret')).toBe('postgres://ada@db.example/billing')
  expect(hideSecret('postgres://ada:s3cret@db.example/billing?password=')).toBe('postgres://ada@db.example/billing')
  expect(readAddress(name, {})).toMatchObject({ name, config: { password: 's3cret' } })
  expect(hideSecret('dynamodb:a')).toBe('dynamodb:a')
})
