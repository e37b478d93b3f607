import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { LedgerError } from '../../core/errors.ts'
import { quote } from '../../core/problem.ts'

/**
 * File systems on which another host, or another client of the same host, may not see this one's locks in time: two
 * triggers would both claim the slot. Magic numbers from linux/magic.h, where no other source is named.
 */
const SHARED_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB2'],
  [0xff534d42, 'CIFS'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x564c, 'NCP'],
  [0x7461636f, 'OCFS2'],
  [0x786f4256, 'VirtualBox shared folder'],
  // linux/gfs2_ondisk.h
  [0x01161970, 'GFS2'],
  // lustre_user.h of Lustre
  [0x0bd00bd0, 'Lustre'],
  // statfs(2) and stat.c of GNU coreutils
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0xbacbacbc, 'VMware shared folder'],
])

/** linux/magic.h: what a container's own disk is on Docker, Podman, containerd and ECS. */
const OVERLAYFS = 0x794c7630

/** Throws where the place of the file cannot keep the promise; returns warnings where it keeps it only for a while. */
export function checkPlace(path: string, typeOf = fileSystemType): readonly string[] {
  const type = typeOf(path) ?? typeOf(dirname(path))
  const shared = type === null ? undefined : SHARED_FILE_SYSTEMS.get(type)
  if (shared !== undefined) {
    throw new LedgerError(
      'shape',
      `file ledger ${quote(path)} is on ${shared}, whose locks are not safe between hosts: use a local disk, or dynamodb:TABLE`,
    )
  }
  if (type !== OVERLAYFS) return []
  return [
    `file ledger ${quote(path)} is on an overlay, as a container's own disk is, and goes away with it, so it rejects no duplicate that comes to another container: use dynamodb:TABLE, or a volume of this host`,
  ]
}

/** The kind of file system, for a person: its number is in linux/magic.h. */
export function placeKind(path: string): string {
  const type = fileSystemType(path) ?? fileSystemType(dirname(path))
  return type === null ? 'unknown' : `0x${type.toString(16)}`
}

/** Type of the file system that holds a path, as statfs(2) gives it; null where that is not known. */
function fileSystemType(path: string): number | null {
  // Elsewhere the numbers mean something else.
  if (process.platform !== 'linux') return null
  try {
    return statfsSync(path).type
  } catch {
    // Not there, or not allowed: opening the file says so, in better words.
    return null
  }
}
