import { setTimeout as delay } from 'node:timers/promises'
import { CreateTableCommand, DescribeTableCommand, type TableDescription } from '@aws-sdk/client-dynamodb'
import { LedgerError, quote } from '../../core/errors.ts'
import type { SetupStep } from '../finding.ts'
import type { CallOptions } from '../store.ts'
import { connect, type Dynamo, type DynamoOptions } from './client.ts'
import { nameOfCause } from './errors.ts'
import {
  canHaveTtl,
  deletionProtection,
  describeRecovery,
  describeTtl,
  enableRecovery,
  enableTtl,
  ttlDifferences,
} from './protection.ts'
import { createTableInput, differences, readTableDefinition, remedyFor } from './table-definition.ts'

const TABLE_POLL_MS = 500

/** A table that exists only gets the TTL: its owner may have turned the rest off. Throws `shape` if it differs. */
export async function setUpTable(options: DynamoOptions, call: CallOptions): Promise<readonly SetupStep[]> {
  const dynamo = connect(options)
  const wanted = readTableDefinition()
  try {
    const there = await describeTable(dynamo, call)
    const created = there === null && (await create(dynamo, call))
    const table = await untilActive(dynamo, there, call)
    const hasTtl = canHaveTtl(table)
    const ttl = hasTtl ? await describeTtl(dynamo, call) : null
    const different = differences(table, wanted)
    const ttlDifferent = ttlDifferences(ttl, wanted)
    if (different.length + ttlDifferent.length > 0) {
      const remedy =
        different.length > 0 ? remedyFor(dynamo.table, different, wanted) : 'Turn that one off, or use another table.'
      throw new LedgerError(
        'shape',
        `table ${quote(dynamo.table)} is not a ledger, and it was not changed: ${[...different, ...ttlDifferent].join('; ')}. ${remedy}`,
      )
    }
    return [
      { what: 'table', did: created ? 'created' : 'found' },
      { what: 'timeToLive', did: hasTtl ? await enableTtl(dynamo, ttl, wanted, call) : 'impossible' },
      { what: 'deletionProtection', did: deletionProtection(table, created) },
      {
        what: 'pointInTimeRecovery',
        did: await (created ? enableRecovery(dynamo, wanted, call) : describeRecovery(dynamo, call)),
      },
    ]
  } finally {
    dynamo.close()
  }
}

export async function describeTable(dynamo: Dynamo, call: CallOptions): Promise<TableDescription | null> {
  const command = new DescribeTableCommand({ TableName: dynamo.table })
  try {
    const { Table } = await dynamo.ask('DescribeTable', (client, how) => client.send(command, how), call)
    return Table ?? null
  } catch (error) {
    if (nameOfCause(error) === 'ResourceNotFoundException') return null
    throw error
  }
}

async function create(dynamo: Dynamo, call: CallOptions): Promise<boolean> {
  const command = new CreateTableCommand(createTableInput(dynamo.table))
  try {
    await dynamo.ask('CreateTable', (client, how) => client.send(command, how), call)
    return true
  } catch (error) {
    if (error instanceof Error && error.name === 'ResourceInUseException') return false
    throw error
  }
}

/** Waits until the table and its indexes are active, or the time is up. DescribeTable may not find a new table at once. */
async function untilActive(dynamo: Dynamo, first: TableDescription | null, call: CallOptions) {
  let table = first
  for (;;) {
    const indexes = table?.GlobalSecondaryIndexes ?? []
    const isReady = ['ACTIVE', 'UPDATING'].includes(table?.TableStatus ?? '')
    if (table !== null && isReady && !indexes.some(({ IndexStatus }) => IndexStatus === 'CREATING')) return table
    // An abort ends the wait, and then the next description throws.
    await delay(TABLE_POLL_MS, undefined, { signal: call.signal }).catch(() => undefined)
    table = await describeTable(dynamo, call)
  }
}
