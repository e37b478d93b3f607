import { existsSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export function programOnPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

export const isInstalled = (name: string): boolean => programOnPath(name) !== undefined

/** Returns whether each user may enter the folder. */
export function isOpenToAll(folder: string): boolean {
  return (statSync(folder).mode & 0o001) !== 0 && (folder === '/' || isOpenToAll(dirname(folder)))
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
export const isRoot = process.getuid?.() === 0
/** Only root can start another user's process, which must reach Node and this clone. A clone in `/root` is not open. */
export const canStartAsOther = isRoot && [ROOT, dirname(process.execPath)].every(isOpenToAll)
