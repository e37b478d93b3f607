import { expect, it, onTestFinished, vi } from 'vitest'
import { openDynamoStore } from '../../src/store/dynamodb/dynamodb-store.ts'
import { describeStore, openStore, readLedgerAddress } from '../../src/store/open.ts'

const ARN = 'arn:aws:dynamodb:eu-west-1:123456789012:table/ledger'

it('the name of a store is a table or a file', () => {
  expect(readLedgerAddress('dynamodb:ledger.prod_1')).toEqual({ kind: 'dynamodb', place: 'ledger.prod_1' })
  expect(readLedgerAddress(`dynamodb:${ARN}`)).toEqual({ kind: 'dynamodb', place: ARN })
  for (const path of ['./a b:c.db', './~x', '/data/a$b.db'])
    expect(readLedgerAddress(`file:${path}`)).toEqual({ kind: 'file', place: path })
})

it.each([undefined, ''])('%j is not the name of a store, because there is no default', async (name) => {
  await expect(openStore(name, {})).rejects.toMatchObject({
    kind: 'usage',
    message:
      'store is not set. Set --store or CRONLEDGER_STORE to dynamodb:TABLE, postgres://USER@HOST/DATABASE or file:PATH.',
  })
})

const NOT_REPLACED = 'A variable in it was not replaced.'
it.each([
  ...['ledger.db', 'File:x', 'jdbc:postgresql://db/x'].map((name) => [name, 'Use dynamodb:TABLE, postgres://']),
  ...[ARN, 'sqlite:///x.db'].map((name) => [name, 'The ARN of a table comes after dynamodb:, the path of']),
  ...['dynamodb:', 'dynamodb:ab', 'dynamodb:a/b/c', 'dynamodb://cronledger', 'dynamodb:arn:aws:s3:::x'].map((name) => [
    name,
    'A table name has',
  ]),
  ['file: ', 'Use file: and the path'],
  // The placeholders of a printed command.
  ['dynamodb:TABLE', 'Replace TABLE'],
  ['file:PATH', 'Replace PATH'],
  ['file://a.db', 'Remove the //: file:a.db'],
  ['file:x.db?mode=ro', 'The address of a file has no options. Use file:x.db'],
  ...['$TABLE', '$' + '{TABLE}'].map((table) => [`dynamodb:${table}`, NOT_REPLACED]),
  ...['$HOME/a.db', '$' + '{DATA}/a.db', '/data/$' + '{TASK}.db'].map((path) => [`file:${path}`, NOT_REPLACED]),
  // The shell does not replace it after file:.
  ['file:~/ledger.db', 'Write file:"$HOME"/ledger.db instead'],
  // White space around the path would name another ledger.
  ...['file:a.db ', 'file: a.db', 'file:a.db\n'].map((name) => [name, 'Remove the white space around the path']),
] as [string, string][])('%j is not the name of a store', (name, hint) => {
  expect(() => readLedgerAddress(name)).toThrow(/^store ".*" is not valid\. \S/)
  expect(() => readLedgerAddress(name)).toThrow(hint)
})

it.each([
  'POSTGRES://',
  ' postgres://',
  'postgres:/',
  'postgresql:',
  'postgres ://',
  'postgres//',
  'mysql://',
  '',
  'file:postgres://',
  'file: postgresql:',
  'file://',
  'file:~/x:',
  'dynamodb:postgres://',
  'dynamodb://',
  'dynamodb:',
])('the name of a store shows no password of a mistaken address: %su:s3 c@ret@db/x', (begin) => {
  for (const name of [`${begin}u:s3 c@ret@db/x`, `${begin}db/x?user=u&password=s3 c@ret`, `${begin}h pwd=s3 c@ret`]) {
    expect(() => readLedgerAddress(name)).toThrow(/^store ".*….*" is not valid\. \S/)
    expect(() => readLedgerAddress(name)).not.toThrow(/s3|ret/)
  }
})

it('the name of a store is described: whether the ledger is on this host, and its name for a command in another folder', () => {
  const [file, table] = ['file:./x.db', 'dynamodb:ledger'].map(describeStore)
  expect([file?.isLocal, file?.nameAnywhere()]).toEqual([true, `file:${process.cwd()}/x.db`])
  expect([table?.isLocal, table?.nameAnywhere()]).toEqual([false, 'dynamodb:ledger'])
})

/** `openStore` as it is where `checkPlace` finds that. */
async function openWhere(checkPlace: () => readonly string[]) {
  vi.resetModules()
  vi.doMock('../../src/store/file/file-system.ts', () => ({ checkPlace }))
  onTestFinished(() => void vi.doUnmock('../../src/store/file/file-system.ts'))
  const { openStore } = await import('../../src/store/open.ts')
  return openStore('file:/nowhere/ledger.db', {})
}

it('the place of a file is checked before the file is opened: it is refused, or warned of', async () => {
  const refusal = () => {
    throw new Error('on NFS')
  }
  await expect(openWhere(refusal)).rejects.toThrow('on NFS')
  const { store, warnings } = await openWhere(() => ['on an overlay'])
  expect(warnings).toEqual(['on an overlay'])
  store.close()
})

it('a table that is named by its ARN is asked in its own region', async () => {
  const credentials = () => Promise.reject(new Error('none here'))
  const table = 'arn:aws:dynamodb:eu-north-1:123456789012:table/ledger'
  const store = openDynamoStore({ table, env: {}, config: { credentials } })
  const key = { task: 'nightly', slot: 0 }
  await expect(store.get(key, { signal: AbortSignal.timeout(120_000) })).rejects.toThrow('(eu-north-1)')
  store.close()
})
