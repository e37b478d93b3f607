import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export function programOnPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

export const isInstalled = (name: string): boolean => programOnPath(name) !== undefined
