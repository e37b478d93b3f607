import { describe, expect, it } from 'vitest'
import { checkPlace, type Machine, thisMachine } from '../../src/store/file-guard.ts'

const EXT4 = 0xef53
const OVERLAYFS = 0x794c7630
const machine = (more: Partial<Machine>): Machine => ({
  fileSystemType: () => EXT4,
  exists: () => false,
  env: {},
  ...more,
})
const check = (more: Partial<Machine>) => checkPlace('/data/ledger.db', machine(more))

describe('the place of a ledger file', () => {
  it('may be a local disk', () => {
    expect(check({})).toEqual([])
    expect(checkPlace('/', thisMachine({}))).toEqual([])
    expect(checkPlace('/nowhere/at/all', thisMachine({}))).toEqual([])
  })

  it.each([
    [0x6969, 'NFS'],
    [0xfe534d42, 'SMB2'],
    [0xff534d42, 'CIFS'],
    [0x65735546, 'FUSE'],
    [0x01021997, '9p'],
  ])('may not be %x', (type, name) => {
    const refusal = { kind: 'shape', message: expect.stringContaining(`"/data/ledger.db" is on ${name}, whose locks`) }
    expect(() => check({ fileSystemType: () => type })).toThrow(expect.objectContaining(refusal))
  })

  it('is that of the folder where the file is not there yet', () => {
    const fileSystemType = (path: string) => (path === '/data' ? 0x6969 : null)
    expect(() => check({ fileSystemType })).toThrow('NFS')
    expect(check({ fileSystemType: () => null })).toEqual([])
  })

  it('brings a warning on the own disk of a container, and on no other disk', () => {
    const onOverlay = (more: Partial<Machine>) => check({ fileSystemType: () => OVERLAYFS, ...more })
    const warning = [expect.stringContaining("this container's own disk")]
    expect(onOverlay({ env: { ECS_CONTAINER_METADATA_URI_V4: 'http://169.254.170.2/v4/x' } })).toEqual(warning)
    expect(onOverlay({ exists: (path) => path === '/.dockerenv' })).toEqual(warning)
    expect(onOverlay({ exists: (path) => path === '/run/.containerenv' })).toEqual(warning)
    expect(onOverlay({})).toEqual([])
    expect(check({ exists: () => true })).toEqual([])
  })
})
