import type {
  CreateTableCommandInput,
  PointInTimeRecoverySpecification,
  TableDescription,
  TimeToLiveSpecification,
} from '@aws-sdk/client-dynamodb'
import { readSchema } from '../schema.ts'

/**
 * The only definition of the table, `schema/table.json`: a `CreateTable` request without its name, and what other
 * requests turn on. It has no `SSESpecification`, because DynamoDB then encrypts with a key that AWS owns, at no cost.
 */
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

/** Returns the `CreateTable` request. TTL and point-in-time recovery have requests of their own. */
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

/**
 * Returns how an existing table differs from the definition, one phrase for each difference. Anything more than the
 * definition (other indexes, other attributes, another billing mode) is not a difference.
 */
export function differences(found: TableDescription, wanted: TableDefinition): readonly string[] {
  const types = (table: Pick<TableDescription, 'AttributeDefinitions'>) =>
    new Map(table.AttributeDefinitions?.map(({ AttributeName, AttributeType }) => [AttributeName, AttributeType]))
  const keyText = (schema: TableDescription['KeySchema'], of: ReturnType<typeof types>) =>
    ['HASH', 'RANGE']
      .flatMap((type) => schema?.find(({ KeyType }) => KeyType === type)?.AttributeName ?? [])
      .map((name) => `${name}(${of.get(name)})`)
      .join(' + ')
  const compare = (what: string, is: string, should: string) =>
    is === should ? [] : [`${what} is ${is}, not ${should}`]

  const [foundTypes, wantedTypes] = [types(found), types(wanted)]
  const ofIndexes = wanted.GlobalSecondaryIndexes.flatMap((index) => {
    const there = found.GlobalSecondaryIndexes?.find(({ IndexName }) => IndexName === index.IndexName)
    if (there === undefined) return [noIndex(String(index.IndexName))]
    const projection = (of: typeof there | typeof index) => String(of.Projection?.ProjectionType)
    return [
      ...compare(
        `the key of index ${index.IndexName}`,
        keyText(there.KeySchema, foundTypes),
        keyText(index.KeySchema, wantedTypes),
      ),
      ...compare(`the projection of index ${index.IndexName}`, projection(there), projection(index)),
    ]
  })
  return [
    ...compare('its key', keyText(found.KeySchema, foundTypes), keyText(wanted.KeySchema, wantedTypes)),
    ...ofIndexes,
  ]
}
