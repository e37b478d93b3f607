import {
  DescribeTimeToLiveCommand,
  type TableDescription,
  type TimeToLiveDescription,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import type { SetupStep } from '../finding.ts'
import type { CallOptions } from '../store.ts'
import { type Dynamo, isUnknownOperation } from './client.ts'
import { nameOfCause } from './errors.ts'
import type { TableDefinition } from './table-definition.ts'

/**
 * Returns whether the table can have a TTL. A global table with multi-Region strong consistency cannot.
 *
 * Source: Amazon DynamoDB Developer Guide, "How DynamoDB global tables work".
 */
export function canHaveTtl(table: TableDescription): boolean {
  return table.MultiRegionConsistency !== 'STRONG'
}

/** Returns the state of the table's TTL, or null if the server has no TTL. */
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

export function ttlDifferences(
  ttl: TimeToLiveDescription | null,
  { TimeToLiveSpecification }: TableDefinition,
): string[] {
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
