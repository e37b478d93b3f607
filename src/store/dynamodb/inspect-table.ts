import type { TableDescription } from '@aws-sdk/client-dynamodb'
import { LedgerError, usageError } from '../../core/errors.ts'
import { isRecord } from '../../core/objects.ts'
import type { Environment } from '../../core/types.ts'
import {
  clockFinding,
  type InspectSettings,
  look,
  notOk,
  ok,
  PROTECTION,
  type SetupFinding,
  wrong,
} from '../finding.ts'
import type { CallOptions } from '../store.ts'
import { connect, type Dynamo, type DynamoOptions, endpointVariableOf } from './client.ts'
import { isByPolicy, nameOfCause } from './errors.ts'
import { inspectActions, tryAction } from './inspect-actions.ts'
import {
  canHaveTtl,
  deletionProtection,
  describeRecovery,
  describeTtl,
  isTtlOn,
  protectionFinding,
  restoreFinding,
  ttlDifferences,
} from './protection.ts'
import { describeTable } from './setup-table.ts'
import { differences, readTableDefinition, remedyFor } from './table-definition.ts'

/** The marks that the SDK puts on credentials to say where they came from. Those of the EC2 instance have none. */
const SOURCES: readonly (readonly [mark: RegExp, source: string])[] = [
  [/^CREDENTIALS_ENV_VARS$/, 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment'],
  [/^CREDENTIALS_HTTP$/, "the container's role (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI)"],
  [/STS_WEB_ID/, 'a web identity token (AWS_WEB_IDENTITY_TOKEN_FILE or a profile)'],
  [/SSO|LOGIN/, 'a sign-in of a person'],
  [/PROFILE|PROCESS|ASSUME_ROLE/, 'a profile of the shared files (AWS_PROFILE, ~/.aws)'],
  [/^/, "the EC2 instance's role, or another source that leaves no mark"],
]

/** Harmless calls only: no item is written. */
export async function* inspectTable(options: DynamoOptions, settings: InspectSettings, call: CallOptions) {
  const dynamo = connect(options)
  const clock = watchClock(dynamo, settings)
  try {
    const region = await inspectRegion(dynamo, options, call)
    yield region
    if (region.wrong !== null) return
    const credentials = await inspectCredentials(dynamo, call)
    const first = credentials.wrong === null ? await tryAction('dynamodb:GetItem', dynamo, settings, call) : null
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
    yield clock()
    if (first !== null && nameOfCause(first) === 'ResourceNotFoundException') {
      yield wrong('table', first)
      return
    }
    yield* inspectShape(dynamo, settings, call)
    yield* inspectActions(dynamo, settings, first, call)
  } finally {
    dynamo.close()
  }
}

function inspectRegion(dynamo: Dynamo, { table, env }: DynamoOptions, call: CallOptions): Promise<SetupFinding> {
  return look('region', async () => {
    const region = await dynamo.ask('GetItem', (client) => client.config.region(), call)
    const elsewhere = endpointVariableOf(env)
    const more = elsewhere === null ? '' : `; ${elsewhere} sends requests elsewhere`
    return `${region}, from ${regionSource(dynamo, table, env)}${more}`
  })
}

function regionSource(dynamo: Dynamo, table: string, env: Environment): string {
  if (table.startsWith('arn:')) return "the table's ARN"
  if (env['AWS_REGION']) return 'AWS_REGION'
  return dynamo.isRegionOfTask() ? 'the ARN of the ECS task' : 'the shared files'
}

function inspectCredentials(dynamo: Dynamo, call: CallOptions): Promise<SetupFinding> {
  return look('credentials', async () => {
    const found = await dynamo.ask('GetItem', (client) => client.config.credentials(), call)
    const marks = '$source' in found ? Object.keys(found.$source ?? {}) : []
    const [, source] = SOURCES.find(([mark]) => [...marks, ''].some((name) => mark.test(name))) ?? []
    return `from ${source}`
  })
}

async function* inspectShape(dynamo: Dynamo, { role, hasRetention, now }: InspectSettings, call: CallOptions) {
  const wanted = readTableDefinition()
  const describe = async (what: string, finding: () => Promise<SetupFinding>) => {
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
  let described: TableDescription | null = null
  const seen = await describe('table', async () => {
    const table = await describeTable(dynamo, call)
    if (table === null) return notOk('table', 'shape', `it does not exist. Create it: ${setupCommand(dynamo)}`)
    described = table
    const different = differences(table, wanted)
    return different.length === 0
      ? ok('table', `its key and its index are correct (${table.TableStatus})`)
      : notOk('table', 'shape', `${different.join('; ')}. ${remedyFor(dynamo.table, different, wanted)}`)
  })
  yield seen
  // Setup changes nothing if the table is not a ledger, so the key and the index must be corrected first.
  if (seen.wrong === 'shape') return
  yield await describe('time to live', () => ttlFinding(dynamo, described, hasRetention, call))
  if (described === null) return
  const restored = restoreFinding(described, now())
  if (restored !== null) yield restored
  yield protectionFinding('deletionProtection', deletionProtection(described, false), dynamo)
  yield await describe(PROTECTION.pointInTimeRecovery.name, async () =>
    protectionFinding('pointInTimeRecovery', await describeRecovery(dynamo, call), dynamo),
  )
}

/** A table without a TTL is only wrong if this environment sets a retention, because nothing else needs the TTL. */
async function ttlFinding(dynamo: Dynamo, table: TableDescription | null, hasRetention: boolean, call: CallOptions) {
  const what = 'time to live'
  if (table !== null && !canHaveTtl(table)) {
    const why = 'a global table with multi-Region strong consistency cannot have it'
    return hasRetention
      ? wrong(what, usageError(`${why}, so no row is removed after CRONLEDGER_RETENTION. Unset CRONLEDGER_RETENTION.`))
      : ok(what, `${why}; only --retention needs it`)
  }
  const run = setupCommand(dynamo)
  const ttl = await describeTtl(dynamo, call)
  if (ttl === null) return ok(what, 'this server does not have it, and the ledger works without it')
  const different = ttlDifferences(ttl, readTableDefinition())
  if (different.length > 0) return notOk(what, 'shape', `${different.join()}. Turn that one off, then run: ${run}`)
  if (isTtlOn(ttl)) return ok(what, `on, by ${ttl.AttributeName}`)
  return hasRetention
    ? notOk(what, 'shape', `it is off, so no row is removed after CRONLEDGER_RETENTION. Turn it on: ${run}`)
    : ok(what, `off; only --retention needs it. To turn it on: ${run}`)
}

function setupCommand({ table }: Dynamo): string {
  return `cronledger setup --store dynamodb:${table}`
}

/** The `Date` of HTTP has whole seconds. */
const DATE_RESOLUTION_MS = 1_000
/** If a server and a proxy each set a `Date`, Node joins them with a comma. moto alone already sets two. */
const FIRST_DATE = /^\w{3}, [^,]+/

/** Compares the `Date` of the answers with this host's clock. Returns a function that returns the finding about it. */
function watchClock({ client }: Dynamo, { now, skewMs }: InspectSettings): () => SetupFinding {
  let finding = ok('clock', 'not checked, because the answer has no Date')
  client.middlewareStack.add(
    (next) => async (args) => {
      const sent = now()
      const result = await next(args)
      const headers = isRecord(result.response) ? result.response['headers'] : undefined
      const stated = isRecord(headers) ? String(headers['date'] ?? '') : ''
      const date = Date.parse(FIRST_DATE.exec(stated)?.[0] ?? '')
      if (!Number.isNaN(date)) finding = clockFinding(date - now(), date + DATE_RESOLUTION_MS - sent, skewMs)
      return result
    },
    // The innermost step also sees answers that are errors.
    { step: 'deserialize', priority: 'low', name: 'watchClock' },
  )
  return () => finding
}
