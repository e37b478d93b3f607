import { readFileSync, realpathSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { LedgerError, quote } from '../../core/errors.ts'

/** There, another host may not see locks in time, and two triggers could claim a slot. From linux/magic.h, if not named. */
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
  // From linux/gfs2_ondisk.h.
  [0x01161970, 'GFS2'],
  // From lustre_user.h of Lustre.
  [0x0bd00bd0, 'Lustre'],
  // From statfs(2) and stat.c of GNU coreutils.
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0xbacbacbc, 'VMware shared folder'],
])

/** The type of a container's own disk on Docker, Podman, containerd and ECS, from linux/magic.h. */
const OVERLAYFS = 0x794c7630

/** Throws `shape` where locks are not safe. Returns a warning if the file will be deleted with its container. */
export function checkPlace(path: string, typeOf = fileSystemType): readonly string[] {
  const type = typeOf(path) ?? typeOf(dirname(path))
  const shared = type === null ? undefined : SHARED_FILE_SYSTEMS.get(type)
  if (shared !== undefined) {
    throw new LedgerError(
      'shape',
      `file ledger ${quote(path)} is on ${shared}, where locks are not safe between hosts. Use a local disk, or dynamodb:TABLE.`,
    )
  }
  if (isMountPoint(path)) {
    throw new LedgerError(
      'shape',
      `file ledger ${quote(path)} is a mount of its own, but SQLite keeps its journal beside it, in a folder that is not mounted with it. Mount the folder of the ledger instead of the file.`,
    )
  }
  if (type !== OVERLAYFS) return []
  return [
    `file ledger ${quote(path)} is on a container's own disk, which is deleted with the container, so duplicates in other containers are not rejected. Use dynamodb:TABLE, or a volume of this host.`,
  ]
}

/**
 * Returns whether it was mounted as by `docker run -v FILE:FILE`: its journal would be lost with the container. We must not
 * compare device numbers: on overlayfs, a file may have another one than its folder. Source: proc_pid_mountinfo(5).
 */
function isMountPoint(path: string): boolean {
  try {
    const real = realpathSync(path)
    const places = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '')
    const unescaped = (text: string) => text.replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8)))
    return places.some((place) => unescaped(place) === real)
  } catch {
    // The file does not exist yet, access is denied, or the system has no /proc.
    return false
  }
}

export function placeKind(path: string): string {
  const type = fileSystemType(path) ?? fileSystemType(dirname(path))
  return type === null ? 'unknown' : `0x${type.toString(16)}`
}

/** Returns the type of the file system that holds a path, as statfs(2) gives it, or null if it is unknown. */
function fileSystemType(path: string): number | null {
  // On other platforms the numbers mean something else.
  if (process.platform !== 'linux') return null
  try {
    return statfsSync(path).type
  } catch {
    // The path does not exist, or access is denied. The call that opens the file reports this with a better message.
    return null
  }
}
