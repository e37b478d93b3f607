import { setTimeout as delay } from 'node:timers/promises'
import {
  DescribeContinuousBackupsCommand,
  DescribeTimeToLiveCommand,
  type TableDescription,
  type TimeToLiveDescription,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { DAY_MS } from '../../core/duration.ts'
import { formatInstant } from '../../core/instant.ts'
import type { Instant } from '../../core/types.ts'
import { notOk, ok, PROTECTION, type SetupFinding, type SetupStep } from '../finding.ts'
import type { CallOptions } from '../store.ts'
import { type Dynamo, isUnknownOperation } from './client.ts'
import { nameOfCause } from './errors.ts'
import type { TableDefinition } from './table-definition.ts'

const BACKUPS_POLL_MS = 500

/** Returns whether deletion protection is on. A server that does not have it leaves it out of its description. */
export function deletionProtection({ DeletionProtectionEnabled }: TableDescription, isNew: boolean): SetupStep['did'] {
  if (DeletionProtectionEnabled === undefined) return 'unsupported'
  if (!DeletionProtectionEnabled) return 'off'
  return isNew ? 'enabled' : 'found'
}

/** Repeats the request until DynamoDB has prepared the backups of a new table. */
export async function enableRecovery(
  dynamo: Dynamo,
  { PointInTimeRecoverySpecification }: TableDefinition,
  call: CallOptions,
): Promise<SetupStep['did']> {
  const command = new UpdateContinuousBackupsCommand({ TableName: dynamo.table, PointInTimeRecoverySpecification })
  for (;;) {
    try {
      await dynamo.ask('UpdateContinuousBackups', (client, how) => client.send(command, how), call)
      return 'enabled'
    } catch (error) {
      if (isUnknownOperation(error)) return 'unsupported'
      if (nameOfCause(error) !== 'ContinuousBackupsUnavailableException') throw error
    }
    // An abort ends the wait, and then the next request throws.
    await delay(BACKUPS_POLL_MS, undefined, { signal: call.signal }).catch(() => undefined)
  }
}

/** Returns whether point-in-time recovery is on. A role that may not read this gets `unknown`. */
export async function describeRecovery(dynamo: Dynamo, call: CallOptions): Promise<SetupStep['did']> {
  const command = new DescribeContinuousBackupsCommand({ TableName: dynamo.table })
  try {
    const reply = await dynamo.ask('DescribeContinuousBackups', (client, how) => client.send(command, how), call)
    const status = reply.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus
    return status === 'ENABLED' ? 'found' : 'off'
  } catch (error) {
    if (isUnknownOperation(error)) return 'unsupported'
    if (nameOfCause(error)?.startsWith('AccessDenied')) return 'unknown'
    throw error
  }
}

const LONGEST_CATCH_UP_MS = 31 * DAY_MS

/** Returns what to do about a table that was restored, or null if it was not. A restore takes the table back in time. */
export function restoreFinding({ TableName, RestoreSummary }: TableDescription, now: Instant): SetupFinding | null {
  const restoredTo = RestoreSummary?.RestoreDateTime?.getTime()
  if (restoredTo === undefined) return null
  const point = formatInstant(restoredTo - (restoredTo % 1000))
  const was = `this table is a copy, restored to its state of ${point}`
  if (restoredTo < now - LONGEST_CATCH_UP_MS) return ok('restore', was)
  // A slot that was due before that may have started after it.
  const from = formatInstant(restoredTo - (restoredTo % 1000) - DAY_MS)
  const pause = `cronledger pause --all --store dynamodb:${TableName} --from ${from} --reason 'YOUR REASON'`
  const text = `${was}. A slot that started after that may run again, because its record is lost. If you have not done so yet, pause all tasks: ${pause}. Then follow docs/guides/backup.md#restore. This is reported for 31 days.`
  return notOk('restore', 'usage', text)
}

export function protectionFinding(feature: keyof typeof PROTECTION, did: SetupStep['did'], { table }: Dynamo) {
  const { name: what, risk, command } = PROTECTION[feature]
  switch (did) {
    case 'off':
      return notOk(what, 'usage', `it is off, so ${risk}. Turn it on: ${command} --table-name ${table}`)
    case 'unsupported':
      return ok(what, 'this server does not have it, and the ledger works without it')
    case 'unknown':
      return ok(what, 'not checked, because this role may not read it')
    default:
      return ok(what, 'on')
  }
}

/**
 * Returns whether the table can have a TTL. A global table with multi-Region strong consistency cannot.
 *
 * Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work".
 */
export function canHaveTtl(table: TableDescription): boolean {
  return table.MultiRegionConsistency !== 'STRONG'
}

export async function describeTtl(dynamo: Dynamo, call: CallOptions): Promise<TimeToLiveDescription | null> {
  const command = new DescribeTimeToLiveCommand({ TableName: dynamo.table })
  try {
    const reply = await dynamo.ask('DescribeTimeToLive', (client, how) => client.send(command, how), call)
    return reply.TimeToLiveDescription ?? null
  } catch (error) {
    if (isUnknownOperation(error)) return null
    throw error
  }
}

export function isTtlOn(ttl: TimeToLiveDescription | null): boolean {
  return ttl?.TimeToLiveStatus === 'ENABLED' || ttl?.TimeToLiveStatus === 'ENABLING'
}

export function ttlDifferences(ttl: TimeToLiveDescription | null, { TimeToLiveSpecification }: TableDefinition) {
  const { AttributeName } = TimeToLiveSpecification
  if (!isTtlOn(ttl) || ttl?.AttributeName === AttributeName) return []
  return [`its TTL attribute is ${ttl?.AttributeName}, not ${AttributeName}`]
}

/** Turns the TTL on. Only `--retention` needs it, so a table that refuses it is still a ledger. */
export async function enableTtl(
  dynamo: Dynamo,
  ttl: TimeToLiveDescription | null,
  { TimeToLiveSpecification }: TableDefinition,
  call: CallOptions,
): Promise<SetupStep['did']> {
  if (isTtlOn(ttl)) return 'found'
  const command = new UpdateTimeToLiveCommand({ TableName: dynamo.table, TimeToLiveSpecification })
  try {
    await dynamo.ask('UpdateTimeToLive', (client, how) => client.send(command, how), call)
    return 'enabled'
  } catch (error) {
    if (isUnknownOperation(error)) return 'unsupported'
    if (nameOfCause(error) !== 'ValidationException') throw error
    // If two setups run at once, the slower one is refused because TTL is already on.
    return isTtlOn(await describeTtl(dynamo, call)) ? 'found' : 'impossible'
  }
}
