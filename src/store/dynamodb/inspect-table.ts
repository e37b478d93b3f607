import {
  BatchGetItemCommand,
  ConditionalCheckFailedException,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { LedgerError } from '../../core/errors.ts'
import { isRecord } from '../../core/objects.ts'
import { type InspectSettings, ok, type Role, type SetupFinding, wrong } from '../finding.ts'
import type { CallOptions } from '../store.ts'
import { connect, type Dynamo, type DynamoOptions } from './client.ts'
import { nameOfCause } from './errors.ts'
import { describeTable, describeTtl, isTtlOn, ttlDifferences } from './setup-table.ts'
import { differences, readTableDefinition, remedyFor } from './table-definition.ts'

/** A key in a partition that cannot be the name of a task. Nothing is ever stored there. */
const NOWHERE = { task: { S: '#check' }, slot: { S: '#check' } }

/** A condition that holds for no item. The answer shows whether the write would have been allowed. */
const NEVER = {
  ConditionExpression: 'attribute_exists(#task) AND attribute_not_exists(#task)',
  ExpressionAttributeNames: { '#task': 'task' },
} as const

/** The `Date` of HTTP has whole seconds. */
const DATE_RESOLUTION_MS = 1_000
/** If a server and a proxy each set a `Date`, Node joins them with a comma. moto alone already sets two. */
const FIRST_DATE = /^\w{3}, [^,]+/

type Probe = (dynamo: Dynamo, call: CallOptions) => Promise<unknown>

/** Harmless calls. Each needs the permission after which it is named. */
const PROBES = {
  'dynamodb:GetItem': ({ ask, table }, call) => {
    const command = new GetItemCommand({ TableName: table, Key: NOWHERE, ConsistentRead: true })
    return ask('GetItem', (client, how) => client.send(command, how), call)
  },
  'dynamodb:PutItem': ({ ask, table }, call) => {
    const command = new PutItemCommand({ TableName: table, Item: NOWHERE, ...NEVER })
    return ask('PutItem', (client, how) => client.send(command, how), call)
  },
  'dynamodb:UpdateItem': ({ ask, table }, call) => {
    const command = new UpdateItemCommand({
      TableName: table,
      Key: NOWHERE,
      UpdateExpression: 'REMOVE #version',
      ConditionExpression: NEVER.ConditionExpression,
      ExpressionAttributeNames: { ...NEVER.ExpressionAttributeNames, '#version': 'version' },
    })
    return ask('UpdateItem', (client, how) => client.send(command, how), call)
  },
  'dynamodb:Query': (dynamo, call) => query(dynamo, { '#key': 'task' }, undefined, call),
  'dynamodb:Query on index by-day': (dynamo, call) => query(dynamo, { '#key': 'day' }, 'by-day', call),
  'dynamodb:BatchGetItem': ({ ask, table }, call) => {
    const command = new BatchGetItemCommand({ RequestItems: { [table]: { Keys: [NOWHERE] } } })
    return ask('BatchGetItem', (client, how) => client.send(command, how), call)
  },
} as const satisfies Record<string, Probe>

type Action = keyof typeof PROBES

const WRITES = ['dynamodb:PutItem', 'dynamodb:UpdateItem'] as const
const READS = ['dynamodb:Query', 'dynamodb:Query on index by-day', 'dynamodb:BatchGetItem'] as const

/** The actions of each role, as in `schema/iam.json`. Every role also reads items, which is tried first. */
const NEEDED_ACTIONS: Readonly<Record<Role, readonly Action[]>> = {
  runner: WRITES,
  auditor: READS,
  operator: [...WRITES, ...READS],
}

/**
 * The marks that the SDK puts on credentials to say where they came from. Credentials of the EC2 instance have no mark.
 */
const SOURCES: readonly (readonly [mark: RegExp, source: string])[] = [
  [/^CREDENTIALS_ENV_VARS$/, 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment'],
  [/^CREDENTIALS_HTTP$/, "the container's role (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI)"],
  [/STS_WEB_ID/, 'a web identity token (AWS_WEB_IDENTITY_TOKEN_FILE or a profile)'],
  [/SSO|LOGIN/, 'a sign-in of a person'],
  [/PROCESS/, 'the credential_process of a profile'],
  [/PROFILE/, 'a profile of the shared files (AWS_PROFILE, ~/.aws)'],
  [/ASSUME_ROLE/, 'an assumed role'],
  [/CODE/, 'this program'],
]
const UNMARKED = "the EC2 instance's role, or another source that leaves no mark"

/** Inspects a table with harmless calls. No item is written, and the partition that is read is always empty. */
export async function* inspectTable(
  options: DynamoOptions,
  settings: InspectSettings,
  call: CallOptions,
): AsyncGenerator<SetupFinding> {
  const dynamo = connect(options)
  const clock = watchClock(dynamo, settings)
  try {
    const region = await inspectRegion(dynamo, options, call)
    yield region
    if (region.wrong !== null) return
    const credentials = await inspectCredentials(dynamo, call)
    const first = credentials.wrong === null ? await attempt('dynamodb:GetItem', dynamo, call) : null
    const areRefused = first?.kind === 'denied' && !isByPolicy(first)
    yield areRefused
      ? wrong('credentials', first, `They come ${credentials.text}. Renew or correct them.`)
      : credentials
    if (credentials.wrong !== null || areRefused) return

    if (first?.kind === 'unreachable' || first?.kind === 'usage') {
      yield wrong('answer', first, 'Check the network, the route to DynamoDB, and the endpoint.')
      return
    }
    yield ok('answer', 'DynamoDB answers')
    yield clockFinding(clock.offset(), settings.skewMs)
    if (first !== null && nameOfCause(first) === 'ResourceNotFoundException') {
      yield wrong('table', first)
      return
    }
    yield* inspectShape(dynamo, settings.role, call)
    yield actionFinding('dynamodb:GetItem', first)
    for (const action of NEEDED_ACTIONS[settings.role]) yield actionFinding(action, await attempt(action, dynamo, call))
  } finally {
    dynamo.close()
  }
}

async function inspectRegion(dynamo: Dynamo, { table, env }: DynamoOptions, call: CallOptions): Promise<SetupFinding> {
  try {
    const region = await dynamo.ask('GetItem', (client) => client.config.region(), call)
    const from = table.startsWith('arn:') ? "the table's ARN" : env['AWS_REGION'] ? 'AWS_REGION' : 'the shared files'
    const elsewhere = env['AWS_ENDPOINT_URL_DYNAMODB'] || env['AWS_ENDPOINT_URL']
    return ok('region', `${region}, from ${from}${elsewhere ? '; AWS_ENDPOINT_URL… sends requests elsewhere' : ''}`)
  } catch (error) {
    return wrong('region', error)
  }
}

/** Names only the source. No part of the credentials themselves may be shown. */
async function inspectCredentials(dynamo: Dynamo, call: CallOptions): Promise<SetupFinding> {
  try {
    const found = await dynamo.ask('GetItem', (client) => client.config.credentials(), call)
    const marks = '$source' in found ? Object.keys(found.$source ?? {}) : []
    const [, source] = SOURCES.find(([mark]) => marks.some((name) => mark.test(name))) ?? [null, UNMARKED]
    return ok('credentials', `from ${source}`)
  } catch (error) {
    return wrong('credentials', error)
  }
}

/** Returns null if the call would have been allowed, otherwise its error. */
async function attempt(action: Action, dynamo: Dynamo, call: CallOptions): Promise<LedgerError | null> {
  try {
    await PROBES[action](dynamo, call)
    return null
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return null
    if (error instanceof LedgerError) return error
    throw error
  }
}

function actionFinding(action: Action, error: LedgerError | null): SetupFinding {
  if (error === null) return ok(action, 'allowed')
  return wrong(action, error, isByPolicy(error) ? 'See the policies: cronledger setup --print iam' : '')
}

/**
 * Returns whether the error denies only the action that it names. The other denials reject the credentials for all
 * actions.
 */
function isByPolicy(error: LedgerError): boolean {
  return nameOfCause(error)?.startsWith('AccessDenied') ?? false
}

async function* inspectShape(dynamo: Dynamo, role: Role, call: CallOptions): AsyncGenerator<SetupFinding> {
  const wanted = readTableDefinition()
  const run = `cronledger setup --store dynamodb:${dynamo.table}`
  const shape = (what: string, text: string): SetupFinding => ({ what, wrong: 'shape', text })
  const look = async (what: string, finding: () => Promise<SetupFinding>) => {
    try {
      return await finding()
    } catch (error) {
      // Only the operator's policy allows these two descriptions. For the other roles, a wrong key or index shows in
      // the calls below.
      const isExpectedDenial = role !== 'operator' && error instanceof LedgerError && isByPolicy(error)
      return isExpectedDenial
        ? ok(what, `not checked, because the role ${role} may not describe the table`)
        : wrong(what, error)
    }
  }
  const seen = await look('table', async () => {
    const table = await describeTable(dynamo, call)
    if (table === null) return shape('table', `it does not exist. Create it: ${run}`)
    const different = differences(table, wanted)
    return different.length === 0
      ? ok('table', `its key and its index are correct (${table.TableStatus})`)
      : shape('table', `${different.join('; ')}. ${remedyFor(dynamo.table, different, wanted)}`)
  })
  yield seen
  // Setup changes nothing if the table is not a ledger, so the key and the index must be corrected first.
  if (seen.wrong === 'shape') return
  yield await look('time to live', async () => {
    const ttl = await describeTtl(dynamo, call)
    if (ttl === null) return ok('time to live', 'this server does not have it, and the ledger works without it')
    const different = ttlDifferences(ttl, wanted)
    if (different.length > 0) return shape('time to live', `${different.join()}. Turn that one off, then run: ${run}`)
    return isTtlOn(ttl)
      ? ok('time to live', `on, by ${ttl.AttributeName}`)
      : shape('time to live', `it is off. Turn it on: ${run}`)
  })
}

/** How far the server's clock is ahead of this host's clock: a range, in milliseconds. */
interface Offset {
  readonly leastMs: number
  readonly mostMs: number
}

/** Compares the `Date` of each answer with this host's clock. A `Date` has whole seconds, so the offset is a range. */
function watchClock({ client }: Dynamo, { now }: InspectSettings): { offset(): Offset | null } {
  let narrowest: Offset | null = null
  client.middlewareStack.add(
    (next) => async (args) => {
      const sent = now()
      const result = await next(args)
      const headers = isRecord(result.response) ? result.response['headers'] : undefined
      const stated = isRecord(headers) ? String(headers['date'] ?? '') : ''
      const date = Date.parse(FIRST_DATE.exec(stated)?.[0] ?? '')
      const found = { leastMs: date - now(), mostMs: date + DATE_RESOLUTION_MS - sent }
      const isNarrower = narrowest === null || found.mostMs - found.leastMs < narrowest.mostMs - narrowest.leastMs
      if (!Number.isNaN(date) && isNarrower) narrowest = found
      return result
    },
    // The innermost step also sees answers that are errors.
    { step: 'deserialize', priority: 'low', name: 'watchClock' },
  )
  return { offset: () => narrowest }
}

/**
 * Returns the finding about the clock. Two hosts may differ by `skewMs`, so each of them may be off by half of that.
 */
function clockFinding(offset: Offset | null, skewMs: number): SetupFinding {
  if (offset === null) return ok('clock', 'not checked, because the answer has no Date')
  const { leastMs, mostMs } = offset
  const allowed = skewMs / 2
  const off = elapsedText((leastMs + mostMs) / 2)
  if (leastMs > allowed || mostMs < -allowed) {
    const text = `${off} the server's clock, but --skew allows only ${skewMs / 1000}s between two hosts. Set the clock of this host (NTP).`
    return { what: 'clock', wrong: 'usage', text }
  }
  if (leastMs <= 0 && mostMs >= 0) return ok('clock', "equal to the server's clock, within a second")
  return ok('clock', `${off} the server's clock, within a second`)
}

/** If the server is ahead, this clock is behind. */
function elapsedText(offsetMs: number): string {
  return `about ${Math.round(Math.abs(offsetMs) / 1000)}s ${offsetMs > 0 ? 'behind' : 'ahead of'}`
}

function query(
  { ask, table }: Dynamo,
  names: Record<string, string>,
  index: string | undefined,
  call: CallOptions,
): Promise<unknown> {
  const command = new QueryCommand({
    TableName: table,
    IndexName: index,
    KeyConditionExpression: '#key = :nothing',
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: { ':nothing': NOWHERE.task },
    Limit: 1,
  })
  return ask('Query', (client, how) => client.send(command, how), call)
}
