import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import Libsql from 'libsql'
import { beforeAll, describe, expect, it } from 'vitest'
import { NO_NOTES } from '../../../src/core/row/rejections.ts'
import { encodeNotes } from '../../../src/core/row/stored-row.ts'
import { finishRow } from '../../../src/core/row/transition.ts'
import { openFileDatabase, type Transaction } from '../../../src/store/file/database.ts'
import { openFileStore, setUpFile } from '../../../src/store/file/file-store.ts'
import { scratch } from '../../support/cli.ts'
import { claimOf, contract, rejectionOf } from '../contract.ts'

const folder = scratch()

describe('the file store', () => {
  const path = join(folder, 'contract.db')
  const store = openFileStore(path)
  beforeAll(async () => {
    await setUpFile(path, { signal: AbortSignal.timeout(120_000) })
  })
  contract(() => ({
    store,
    async writeRaw(document) {
      const { task, slot, day, version, schemaVersion } = document
      const other = new Libsql(path)
      const texts = [document, encodeNotes(NO_NOTES)].map((part) => JSON.stringify(part))
      const insert = other.prepare('INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)')
      insert.run(task, slot, day, version, schemaVersion, ...texts)
      other.close()
    },
    async readRaw({ task, slot }) {
      const other = new Libsql(path)
      const select = other.prepare('SELECT document, notes FROM rows WHERE task = ? AND slot = ?')
      const { document, notes } = select.get(task, slot) as Record<string, string>
      other.close()
      return { ...JSON.parse(document ?? ''), ...JSON.parse(notes ?? '') }
    },
  }))
})

const call = (ms = 120_000) => ({ signal: AbortSignal.timeout(ms) })
let files = 0
const openFiles = () => readdirSync('/proc/self/fd').length
const filesOf = (path: string) =>
  readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((file) => file === path || file.startsWith(`${path}-`))
const newPath = () => join(folder, `ledger-${++files}.db`)
const claim = claimOf('nightly')
const done = finishRow(claim, { outcome: 'succeeded' }, { writeId: 'w', now: claim.slot })
const put = (path: string, ms?: number) => openFileStore(path).put(claim, 'absent', call(ms))
const exec = (path: string, sql: string) => {
  const other = new Libsql(path)
  other.exec(sql)
  other.close()
}
const get = (path: string) => openFileStore(path).get(claim, call())

it('a ledger file is made by the first claim, for its owner only', async () => {
  const path = newPath()
  expect(await put(path)).toEqual({ kind: 'ok' })
  expect(filesOf(path)).toEqual([path])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(await get(path)).toEqual(claim)
})

// promise: file-hard-links
it('a file with two names (hard links) is refused by each of them, until one is left', async () => {
  const path = newPath()
  await put(path)
  const other = newPath()
  linkSync(path, other)
  for (const name of [path, other]) {
    const message = `file ledger "${name}" has 2 names (hard links). After a crash, its journal lies beside only one of them. If one name has a file with the ending -journal beside it, keep that name. Remove the others. To list them: find / -samefile "${name}"`
    await expect(put(name)).rejects.toMatchObject({ kind: 'shape', message })
    await expect(get(name)).rejects.toMatchObject({ kind: 'shape', message })
  }
  rmSync(other)
  expect(await get(path)).toEqual(claim)
})

// promise: file-mode
it('a new file is for its owner only with any umask, and so is its journal', () => {
  const path = newPath()
  const before = process.umask(0)
  try {
    const database = openFileDatabase(path)
    const modes = database.transact('create', () =>
      [path, `${path}-journal`].map((file) => statSync(file).mode & 0o777),
    )
    database.close()
    expect(modes).toEqual([0o600, 0o600])
  } finally {
    process.umask(before)
  }
})

it('a ledger file keeps a mode that lets a group read it, and its journal gets the same mode', () => {
  const path = newPath()
  openFileDatabase(path).transact('create', () => null)
  chmodSync(path, 0o640)
  const write = ({ run }: Transaction) => {
    run("INSERT INTO entries VALUES ('#task', 'x', 1, '{}')")
    return [path, `${path}-journal`].map((file) => statSync(file).mode & 0o777)
  }
  expect(openFileDatabase(path).transact('write', write)).toEqual([0o640, 0o640])
})

it('a ledger file is made in an empty file too', async () => {
  const path = newPath()
  writeFileSync(path, '')
  const store = openFileStore(path)
  expect(await store.get(claim, call())).toBeNull()
  expect(await store.note(claim, rejectionOf('dup'), call())).toBe(false)
  expect(await store.list({ kind: 'task', task: 'nightly', limit: 5 }, call())).toEqual({ rows: [] })
  expect(statSync(path).size).toBe(0)
  expect(await store.put(claim, 'absent', call())).toEqual({ kind: 'ok' })
})

it('a ledger file waits for a reader that is in the way of its commit', async () => {
  const path = newPath()
  const store = openFileStore(path)
  await store.put(claim, 'absent', call())
  const reader = new Libsql(path)
  reader.exec('BEGIN')
  reader.exec('SELECT * FROM rows')
  await expect(store.put(done, claim, call(200))).rejects.toMatchObject({ kind: 'unreachable' })
  const waiting = store.put(done, claim, call())
  reader.exec('COMMIT')
  expect(await waiting).toEqual({ kind: 'ok' })
  reader.close()
})

it('a ledger file is not made by a reader, nor by a write that expects a row', async () => {
  const path = newPath()
  const store = openFileStore(path)
  // The first run says so, too.
  const message = expect.stringContaining(`Otherwise create it: cronledger setup --store file:${path}`)
  const missing = { kind: 'shape', message }
  await expect(store.get(claim, call())).rejects.toMatchObject(missing)
  await expect(store.list({ kind: 'task', task: 'nightly', limit: 5 }, call())).rejects.toMatchObject(missing)
  await expect(store.note(claim, rejectionOf('dup'), call())).rejects.toMatchObject(missing)
  await expect(store.put(claim, claim, call())).rejects.toMatchObject(missing)
  expect(readdirSync(folder)).not.toContain(path.slice(folder.length + 1))
})

it('a ledger file names the folder that is missing', async () => {
  const message = expect.stringContaining(`mkdir -p "${join(folder, 'no', 'folder')}"`)
  await expect(put(join(folder, 'no', 'folder', 'x.db'))).rejects.toMatchObject({ kind: 'shape', message })
})

it('a ledger file that is a symbolic link to a missing file is named as such, also by setup', async () => {
  const [path, target] = [newPath(), newPath()]
  symlinkSync(target, path)
  const message = `file ledger "${path}" is a symbolic link to "${target}", which does not exist. Correct the link, or use the path of the file itself.`
  await expect(put(path)).rejects.toMatchObject({ kind: 'shape', message })
  await expect(setUpFile(path, call())).rejects.toMatchObject({ kind: 'shape', message })
})

it('a ledger file names a path that no file can have, or in a folder in which none can be made', async () => {
  const unmade = { kind: 'shape', message: 'no file can be made in "/proc". Use another folder.' }
  for (const make of [put, (path: string) => setUpFile(path, call())])
    await expect(make('/proc/ledger.db')).rejects.toMatchObject(unmade)
  const path = newPath()
  writeFileSync(path, '')
  const message = expect.stringMatching(/^file ledger ".*" is not a valid path \(E(NOTDIR|NAMETOOLONG): /)
  for (const wrong of [join(path, 'ledger.db'), join(folder, 'x'.repeat(300))]) {
    await expect(put(wrong)).rejects.toMatchObject({ kind: 'shape', message })
  }
})

it('a ledger file throws an error that is a bug as it is, and writes nothing', () => {
  const database = openFileDatabase(newPath())
  const bug = new TypeError('a bug')
  const write = ({ run }: Transaction) => {
    run("INSERT INTO entries VALUES ('#task', 'x', 1, '{}')")
    throw bug
  }
  expect(() => database.transact('create', write)).toThrow(bug)
  expect(database.transact('create', ({ all }) => all('SELECT * FROM entries'))).toEqual([])
  database.close()
})

// promise: file-power-loss
it('a ledger file switches WAL off also where the first try finds the file locked', async () => {
  const path = newPath()
  await put(path)
  const other = new Libsql(path)
  other.exec('PRAGMA journal_mode = WAL; BEGIN IMMEDIATE')
  const database = openFileDatabase(path)
  expect(() => database.transact('read', () => null)).toThrow('locked')
  other.exec('COMMIT')
  other.close()
  const journal = database.transact('read', ({ all }) => all('PRAGMA journal_mode'))
  expect(journal).toEqual([{ journal_mode: 'delete' }])
  database.close()
})

it('a ledger file is denied if SQLite cannot make its journal, and no other file is left behind', async () => {
  const path = newPath()
  await put(path)
  mkdirSync(`${path}-journal`)
  // A process that was killed while it looked for the reason had the same pid, as the first process of a container has.
  const left = `${path}-trial-${process.pid}`
  writeFileSync(left, '')
  const denied = { kind: 'denied', message: expect.stringMatching(/^file ledger ".*" cannot be opened or written \(/) }
  await expect(openFileStore(path).put(claimOf('other'), 'absent', call())).rejects.toMatchObject(denied)
  expect(filesOf(path)).toEqual([path, `${path}-journal`, left])
})

it('a ledger file holds no file open per call', async () => {
  const path = newPath()
  const store = openFileStore(path)
  await store.put(claim, 'absent', call())
  const before = openFiles()
  for (let i = 0; i < 50; i += 1) await store.get(claim, call())
  expect(openFiles()).toBeLessThan(before + 5)
})

// promise: busy-file
it('a try that finds the file locked holds no file open', async () => {
  const path = newPath()
  await put(path)
  const other = new Libsql(path)
  other.exec('BEGIN EXCLUSIVE')
  const database = openFileDatabase(path)
  const before = openFiles()
  for (let i = 0; i < 20; i += 1) expect(() => database.transact('read', () => true)).toThrow('locked')
  expect(openFiles()).toBeLessThan(before + 5)
  other.exec('ROLLBACK')
  other.close()
  expect(database.transact('read', () => true)).toBe(true)
  database.close()
})

// promise: file-replaced
it('a path is followed where another file takes its place', async () => {
  const path = newPath()
  const store = openFileStore(path)
  await store.put(claim, 'absent', call())
  renameSync(path, `${path}.old`)
  await expect(store.put(done, claim, call())).rejects.toMatchObject({ kind: 'shape' })
  expect(await store.put(claim, 'absent', call())).toEqual({ kind: 'ok' })
})

// promise: busy-file
it('a request is given up in time while another process holds the lock of the file, and works after that', async () => {
  const path = newPath()
  await put(path)
  const other = new Libsql(path)
  other.exec('BEGIN IMMEDIATE')
  const store = openFileStore(path)
  await expect(store.put(done, claim, call(500))).rejects.toMatchObject({
    kind: 'unreachable',
    message: expect.stringMatching(
      /^file ledger ".*" is busy, because other processes held its lock for the whole time\. Start fewer .* --ledger-timeout\.$/,
    ),
  })
  const waiting = store.put(done, claim, call())
  // Heartbeats and signals of this process go on during the wait.
  await new Promise(setImmediate)
  other.exec('ROLLBACK')
  expect(await waiting).toEqual({ kind: 'ok' })
  other.close()
})

async function inFolder<T>(work: (cwd: string) => T | Promise<T>): Promise<T> {
  const before = process.cwd()
  const cwd = mkdtempSync(join(folder, 'cwd-'))
  process.chdir(cwd)
  try {
    return await work(cwd)
  } finally {
    process.chdir(before)
  }
}

// promise: file-special-path
it.each([':memory:', 'file:x?mode=memory', '100%23 a?b#c'])('any text is the name of a file, also %j', async (name) => {
  await inFolder(async (cwd) => {
    expect(await put(name)).toEqual({ kind: 'ok' })
    expect(await put(name)).toMatchObject({ kind: 'conflict' })
    expect(readdirSync(cwd)).toEqual([name])
  })
})

it('a path in a working directory that was deleted is refused', async () => {
  await inFolder((cwd) => {
    rmSync(cwd, { recursive: true })
    const refusal = {
      kind: 'shape',
      message: expect.stringContaining('the folder of file ledger "x.db" does not exist'),
    }
    expect(() => openFileStore('x.db')).toThrow(expect.objectContaining(refusal))
  })
})

const foreign = { kind: 'shape', message: expect.stringContaining('is not a cronledger file, and it was not changed') }
const refused = async (path: string) => {
  const before = readFileSync(path)
  await expect(put(path)).rejects.toMatchObject(foreign)
  await expect(get(path)).rejects.toMatchObject(foreign)
  expect(readFileSync(path).equals(before)).toBe(true)
  expect(filesOf(path)).toEqual([path])
}

// promise: file-foreign
it('a text file is not a ledger, and is left as it is', async () => {
  const path = newPath()
  writeFileSync(path, 'not a database\n')
  await refused(path)
})

// promise: file-foreign
it.each(['', 'PRAGMA application_id = 77;', 'PRAGMA journal_mode = WAL;'])(
  "another program's database is left as it is: %j",
  async (sql) => {
    const path = newPath()
    exec(path, `${sql} CREATE TABLE orders (id)`)
    await refused(path)
  },
)

// promise: file-foreign
it('an empty file that another program has filled since it was opened is left as it is', async () => {
  const path = newPath()
  writeFileSync(path, '')
  const store = openFileStore(path)
  expect(await store.get(claim, call())).toBeNull()
  exec(path, 'CREATE TABLE orders (id)')
  const before = readFileSync(path)
  await expect(store.put(claim, 'absent', call())).rejects.toMatchObject(foreign)
  expect(readFileSync(path)).toEqual(before)
})

it('a folder and a device are not files', async () => {
  for (const path of [folder, '/dev/null']) await expect(put(path)).rejects.toMatchObject({ kind: 'shape' })
})

// promise: file-foreign
it('a newer layout is refused with a hint', async () => {
  const path = newPath()
  await put(path)
  exec(path, 'PRAGMA user_version = 3')
  const message = expect.stringContaining('a newer version of cronledger made file ledger')
  await expect(get(path)).rejects.toMatchObject({ kind: 'shape', message })
})

it('a file of an earlier layout is refused, and not changed', async () => {
  const path = newPath()
  await put(path)
  exec(path, 'PRAGMA user_version = 1')
  const before = readFileSync(path)
  const message = `file ledger "${path}" was made by an earlier cronledger, before its first release. Use another file.`
  for (const use of [get, put]) await expect(use(path)).rejects.toMatchObject({ kind: 'shape', message })
  expect(readFileSync(path)).toEqual(before)
})

it('the damage of a ledger file is named', async () => {
  const path = newPath()
  await put(path)
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.fill(0xff, 100))
  await expect(get(path)).rejects.toMatchObject({ kind: 'shape', message: expect.stringContaining('damaged') })
})

it('a record whose version is not a number is not written, and no conflict is tried again', async () => {
  const path = newPath()
  await put(path)
  const store = openFileStore(path)
  const key = { task: 'nightly', kind: '#task' } as const
  await store.writeEntry(key, { version: 1, document: {} }, 'absent', call())
  exec(path, `UPDATE entries SET version = 'a'`)
  const { version = 0 } = (await store.readEntry(key, call())) ?? {}
  await expect(store.writeEntry(key, { version: version + 1, document: {} }, version, call())).rejects.toMatchObject({
    kind: 'shape',
    message: 'the record of task nightly is damaged: its version is not a number. Correct it in the ledger.',
  })
})

// promise: file-power-loss
it('a commit is on the disk when it is answered, and never in a WAL', () => {
  const database = openFileDatabase(join(folder, 'pragmas.db'))
  const pragma = (name: string) => database.transact('create', ({ all }) => all(`PRAGMA ${name}`))
  // 3 is EXTRA.
  expect(pragma('synchronous')).toEqual([{ synchronous: 3 }])
  expect(pragma('journal_mode')).toEqual([{ journal_mode: 'delete' }])
  database.close()
})
