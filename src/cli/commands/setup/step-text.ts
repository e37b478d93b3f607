import { isKeyOf } from '../../../core/objects.ts'
import { PROTECTION, type SetupStep } from '../../../store/finding.ts'

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
  const feature = isKeyOf(what, PROTECTION) ? PROTECTION[what] : null
  const name = feature?.name ?? (what === 'timeToLive' ? 'time to live' : what)
  if (did === 'off') {
    return `${name} is off, and was left off. To turn it on: ${feature?.command} --table-name ${ledger.replace(/^dynamodb:/, '')}`
  }
  return `${name} ${did === 'found' && name !== what ? 'is on already' : DEEDS[did]}`
}
