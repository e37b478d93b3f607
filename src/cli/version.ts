import { readFileSync } from 'node:fs'

/** Version of cronledger, and of what decides the slots: Node's zone data. */
export function versionText(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return `cronledger ${version} (Node ${process.version}, zone data ${process.versions['tz']})`
}
