import { setTimeout as delay } from 'node:timers/promises'
import {
  DescribeContinuousBackupsCommand,
  type TableDescription,
  UpdateContinuousBackupsCommand,
} from '@aws-sdk/client-dynamodb'
import type { SetupStep } from '../finding.ts'
import type { CallOptions } from '../store.ts'
import { type Dynamo, isUnknownOperation } from './client.ts'
import { nameOfCause } from './errors.ts'
import type { TableDefinition } from './table-definition.ts'

const BACKUPS_POLL_MS = 500
/** Five minutes, as for the table itself. The timeout of setup is shorter by default. */
const MAX_BACKUPS_POLLS = 600

/** Returns whether deletion protection is on. A server that does not have it leaves it out of its description. */
export function deletionProtection({ DeletionProtectionEnabled }: TableDescription, isNew: boolean): SetupStep['did'] {
  if (DeletionProtectionEnabled === undefined) return 'unsupported'
  if (!DeletionProtectionEnabled) return 'off'
  return isNew ? 'enabled' : 'found'
}

/**
 * Turns point-in-time recovery on. DynamoDB answers `ContinuousBackupsUnavailableException` until it has prepared the
 * backups of a new table, so the request is repeated until then.
 */
export async function enableRecovery(
  dynamo: Dynamo,
  { PointInTimeRecoverySpecification }: TableDefinition,
  call: CallOptions,
): Promise<SetupStep['did']> {
  const command = new UpdateContinuousBackupsCommand({ TableName: dynamo.table, PointInTimeRecoverySpecification })
  for (let polls = 1; ; polls += 1) {
    try {
      await dynamo.ask('UpdateContinuousBackups', (client, how) => client.send(command, how), call)
      return 'enabled'
    } catch (error) {
      if (isUnknownOperation(error)) return 'unsupported'
      if (nameOfCause(error) !== 'ContinuousBackupsUnavailableException' || polls === MAX_BACKUPS_POLLS) throw error
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
