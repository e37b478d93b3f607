import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openDynamoStore } from '../../src/store/dynamodb/dynamodb-store.ts'
import { describeStore, openStore, parseStoreName } from '../../src/store/open.ts'

describe('the name of a store', () => {
  it('is a table or a file', () => {
    expect(parseStoreName('dynamodb:ledger.prod_1')).toEqual({ kind: 'dynamodb', table: 'ledger.prod_1' })
    const arn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/ledger'
    expect(parseStoreName(`dynamodb:${arn}`)).toEqual({ kind: 'dynamodb', table: arn })
    expect(parseStoreName('file:./a b:c.db')).toEqual({ kind: 'file', path: './a b:c.db' })
  })

  it.each([undefined, ''])('is not %j, because there is no default', async (name) => {
    await expect(openStore(name, {})).rejects.toMatchObject({
      kind: 'usage',
      message:
        'store is not set. Set --store or CRONLEDGER_STORE to dynamodb:TABLE, postgres://USER@HOST/DATABASE or file:PATH.',
    })
  })

  it.each(['ledger.db', 'dynamodb:', 'dynamodb:ab', 'dynamodb:a/b/c', 'file: ', 'File:x', 'dynamodb:arn:aws:s3:::x'])(
    'is not %j',
    async (name) => {
      await expect(openStore(name, {})).rejects.toMatchObject({
        kind: 'usage',
        message: expect.stringMatching(/^store ".*" is not valid\. \S/),
      })
    },
  )

  it.each([
    ...['POSTGRES://', ' postgres://', 'postgres:/', 'postgresql:', 'postgres ://', 'postgres//', 'mysql://', ''],
    ...['file:postgres://', 'file: postgresql:', 'dynamodb:postgres://', 'dynamodb://', 'dynamodb:', 'file:~/x:'],
  ])('shows no password of a mistaken address: %su:s3 c@ret@db/x', (begin) => {
    for (const name of [`${begin}u:s3 c@ret@db/x`, `${begin}db/x?user=u&password=s3 c@ret`, `${begin}h pwd=s3 c@ret`]) {
      expect(() => parseStoreName(name)).toThrow(/^store ".*….*" is not valid\. \S/)
      expect(() => parseStoreName(name)).not.toThrow(/s3|ret/)
    }
  })

  it('is not the placeholder of a printed command', () => {
    expect(() => parseStoreName('dynamodb:TABLE')).toThrow(/Replace TABLE/)
    expect(() => parseStoreName('file:PATH')).toThrow(/Replace PATH/)
  })

  it('is not an address, nor a table whose variable was not replaced', () => {
    expect(() => parseStoreName('dynamodb://cronledger')).toThrow(/Remove the \/\/: dynamodb:cronledger$/)
    for (const table of ['$TABLE', '$' + '{TABLE}']) {
      expect(() => parseStoreName(`dynamodb:${table}`)).toThrow(/A variable in it was not replaced/)
    }
  })

  it('is described: whether the ledger is on this host, and its name for a command in another folder', () => {
    const shown = ['file:./x.db', 'dynamodb:ledger'].map((name) => {
      const { isLocal, nameAnywhere } = describeStore(name)
      return { isLocal, name: nameAnywhere() }
    })
    expect(shown).toEqual([
      { isLocal: true, name: `file:${process.cwd()}/x.db` },
      { isLocal: false, name: 'dynamodb:ledger' },
    ])
  })

  it('is not a path with ~, which the shell does not replace after file:', () => {
    expect(() => parseStoreName('file:~/ledger.db')).toThrow(/Write file:"\$HOME"\/ledger\.db instead/)
    expect(parseStoreName('file:./~x')).toEqual({ kind: 'file', path: './~x' })
  })

  it.each(['$HOME/ledger.db', '$' + '{DATA}/ledger.db', '/data/$' + '{TASK}.db'])(
    'is not the path %j, in which a variable was not replaced',
    (path) => {
      expect(() => parseStoreName(`file:${path}`)).toThrow(/A variable in it was not replaced/)
      expect(parseStoreName('file:/data/a$b.db')).toEqual({ kind: 'file', path: '/data/a$b.db' })
    },
  )

  it.each(['file:ledger.db ', 'file: ledger.db', 'file:ledger.db\n'])(
    'is not %j, because white space around the path would name another ledger',
    (name) => {
      expect(() => parseStoreName(name)).toThrow(/Remove the white space around the path/)
    },
  )

  it('is not an ARN without dynamodb:', () => {
    const arn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/ledger'
    expect(() => parseStoreName(arn)).toThrow(/Write dynamodb: before the ARN/)
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

describe('the place of a file', () => {
  /** `openStore` as it is where `checkPlace` finds that. */
  async function openWhere(checkPlace: () => readonly string[]) {
    vi.resetModules()
    vi.doMock('../../src/store/file/file-system.ts', () => ({ checkPlace }))
    onTestFinished(() => void vi.doUnmock('../../src/store/file/file-system.ts'))
    const { openStore } = await import('../../src/store/open.ts')
    return openStore('file:/nowhere/ledger.db', {})
  }

  it('is checked before the file is opened, and refused if it cannot keep what was written', async () => {
    const refusal = () => {
      throw new Error('on NFS')
    }
    await expect(openWhere(refusal)).rejects.toThrow('on NFS')
  })

  it('is warned of', async () => {
    const { store, warnings } = await openWhere(() => ['on an overlay'])
    expect(warnings).toEqual(['on an overlay'])
    store.close()
  })
})

it('a table that is named by its ARN is asked in its own region', async () => {
  const credentials = () => Promise.reject(new Error('none here'))
  const table = 'arn:aws:dynamodb:eu-north-1:123456789012:table/ledger'
  const store = openDynamoStore({ table, env: {}, config: { credentials } })
  const key = { task: 'nightly', slot: 0 }
  await expect(store.get(key, { signal: AbortSignal.timeout(120_000) })).rejects.toThrow('(eu-north-1)')
  store.close()
})
