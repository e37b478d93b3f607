import type {
  CreateTableCommandInput,
  PointInTimeRecoverySpecification,
  TableDescription,
  TimeToLiveSpecification,
} from '@aws-sdk/client-dynamodb'
import { readSchema } from '../schema.ts'

/** It is in `schema/table.json`. Without `SSESpecification`, DynamoDB encrypts with a key of AWS, at no cost. */
export interface TableDefinition extends Omit<CreateTableCommandInput, 'TableName'> {
  readonly AttributeDefinitions: NonNullable<CreateTableCommandInput['AttributeDefinitions']>
  readonly KeySchema: NonNullable<CreateTableCommandInput['KeySchema']>
  readonly GlobalSecondaryIndexes: NonNullable<CreateTableCommandInput['GlobalSecondaryIndexes']>
  readonly TimeToLiveSpecification: Required<TimeToLiveSpecification>
  readonly PointInTimeRecoverySpecification: PointInTimeRecoverySpecification
}

export function readTableDefinition(): TableDefinition {
  return JSON.parse(readSchema('table.json'))
}

export function createTableInput(TableName: string): CreateTableCommandInput {
  const { TimeToLiveSpecification: _, PointInTimeRecoverySpecification: __, ...definition } = readTableDefinition()
  return { TableName, ...definition }
}

/** Returns what to do about a table with these differences. Only an index can be added to an existing table. */
export function remedyFor(table: string, different: readonly string[], wanted: TableDefinition): string {
  const missing = wanted.GlobalSecondaryIndexes.filter(({ IndexName = '' }) => different.includes(noIndex(IndexName)))
  if (missing.length < different.length) {
    return 'The key of a table cannot be changed. Create a table with another name: cronledger setup --store dynamodb:OTHER_TABLE'
  }
  const updates = JSON.stringify(missing.map((index) => ({ Create: index })))
  const types = wanted.AttributeDefinitions.map(
    (one) => `AttributeName=${one.AttributeName},AttributeType=${one.AttributeType}`,
  )
  return `Add it: aws dynamodb update-table --table-name ${table} --attribute-definitions ${types.join(' ')} --global-secondary-index-updates '${updates}'. When it is active, run: cronledger setup --store dynamodb:${table}`
}

const noIndex = (name: string) => `it has no index ${name}`

function partsOf(table: TableDescription): ReadonlyMap<string, string> {
  const types = new Map(table.AttributeDefinitions?.map((one) => [one.AttributeName, one.AttributeType]))
  const keyText = (schema: TableDescription['KeySchema']) =>
    ['HASH', 'RANGE']
      .flatMap((type) => schema?.find(({ KeyType }) => KeyType === type)?.AttributeName ?? [])
      .map((name) => `${name}(${types.get(name)})`)
      .join(' + ')
  const ofIndexes = table.GlobalSecondaryIndexes?.flatMap(({ IndexName, KeySchema, Projection }) => [
    [`the key of index ${IndexName}`, keyText(KeySchema)] as const,
    [`the projection of index ${IndexName}`, String(Projection?.ProjectionType)] as const,
  ])
  return new Map([['its key', keyText(table.KeySchema)], ...(ofIndexes ?? [])])
}

/** Returns a phrase for each difference. An addition to the table, such as another index, is not a difference. */
export function differences(found: TableDescription, wanted: TableDefinition): readonly string[] {
  const parts = partsOf(found)
  const phrases = [...partsOf(wanted)].map(([what, should]) => {
    const is = parts.get(what)
    if (is === undefined) return noIndex(what.replace(/^.* /, ''))
    return is === should ? '' : `${what} is ${is}, not ${should}`
  })
  return [...new Set(phrases)].filter(Boolean)
}
