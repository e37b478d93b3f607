import { describe, expect, it } from 'vitest'
import { openStore, parseStoreName } from '../../src/store/open.ts'

describe('the name of a store', () => {
  it('is a table or a file', () => {
    expect(parseStoreName('dynamodb:ledger.prod_1')).toEqual({ kind: 'dynamodb', table: 'ledger.prod_1' })
    const arn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/ledger'
    expect(parseStoreName(`dynamodb:${arn}`)).toEqual({ kind: 'dynamodb', table: arn })
    expect(parseStoreName('file:./a b:c.db')).toEqual({ kind: 'file', path: './a b:c.db' })
  })

  it.each([
    undefined,
    '',
    'ledger.db',
    '/tmp/x',
    'dynamodb',
    'dynamodb:',
    'dynamodb:ab',
    'dynamodb:a/b/c',
    'file:',
    'file: ',
    'File:x',
    's3:x',
    'dynamodb:arn:aws:s3:::x',
  ])('is not %j, and there is no default', async (name) => {
    await expect(openStore(name, {})).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringMatching(/^store is .*dynamodb:TABLE or file:PATH .*--store or CRONLEDGER_STORE$/),
    })
  })

  it('names the store that was opened', async () => {
    const table = await openStore('dynamodb:ledger', {})
    const file = await openStore('file:/nowhere/ledger.db', {})
    expect([table.store.name, file.store.name]).toEqual(['dynamodb:ledger', 'file:/nowhere/ledger.db'])
    expect(file.warnings).toEqual([])
    table.store.close()
    file.store.close()
  })
})
