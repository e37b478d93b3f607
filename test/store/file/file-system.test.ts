import { expect, it } from 'vitest'
import { checkPlace } from '../../../src/store/file/file-system.ts'

const EXT4 = 0xef53
const OVERLAYFS = 0x794c7630
it('the place of a ledger file may be a local disk', () => {
  expect(checkPlace('/data/ledger.db', () => EXT4)).toEqual([])
  // The answer of this machine. Each answer is right.
  expect(checkPlace('/nowhere/at/all')).toEqual(expect.any(Array))
})

it.each([
  [0x6969, 'NFS'],
  [0xfe534d42, 'SMB2'],
  [0xff534d42, 'CIFS'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
])('the place of a ledger file may not be %x', (type, name) => {
  const refusal = { kind: 'shape', message: expect.stringContaining(`"/data/ledger.db" is on ${name}, where locks`) }
  expect(() => checkPlace('/data/ledger.db', () => type)).toThrow(expect.objectContaining(refusal))
})

it('the place of a ledger file is that of the folder where the file is not there yet', () => {
  expect(() => checkPlace('/data/ledger.db', (path) => (path === '/data' ? 0x6969 : null))).toThrow('NFS')
  expect(checkPlace('/data/ledger.db', () => null)).toEqual([])
})

it('the place of a ledger file brings a warning on an overlay', () => {
  const warning = expect.stringContaining("is on a container's own disk")
  expect(checkPlace('/data/ledger.db', () => OVERLAYFS)).toEqual([warning])
})
