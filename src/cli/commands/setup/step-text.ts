import { type SetupStep, turnOnCommand } from '../../../store/finding.ts'

const NAMES: Readonly<Record<SetupStep['what'], string>> = {
  table: 'table',
  timeToLive: 'time to live',
  deletionProtection: 'deletion protection',
  pointInTimeRecovery: 'point-in-time recovery',
  file: 'file',
}

const DEEDS: Readonly<Record<Exclude<SetupStep['did'], 'off'>, string>> = {
  created: 'created',
  found: 'already exists, nothing to change',
  enabled: 'turned on',
  unsupported: 'not supported by this server; the ledger works without it',
  impossible: 'not possible on this table. The ledger works without it, but --retention has no effect',
  unknown: 'not known, because these credentials may not read it',
}

/** Returns what setup says about a step. If a feature of an existing table is off, it says how to turn it on. */
export function setupStepText(ledger: string, { what, did }: SetupStep): string {
  if (did !== 'off') return `${NAMES[what]} ${isFeature(what) && did === 'found' ? 'is on already' : DEEDS[did]}`
  const table = ledger.replace(/^dynamodb:/, '')
  const command = what === 'deletionProtection' || what === 'pointInTimeRecovery' ? turnOnCommand(what, table) : ''
  return `${NAMES[what]} is off, and was left off. To turn it on: ${command}`
}

function isFeature(what: SetupStep['what']): boolean {
  return what !== 'table' && what !== 'file'
}
