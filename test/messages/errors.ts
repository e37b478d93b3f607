import { run } from '../../src/cli/commands/run.ts'
import { readOptions } from '../../src/cli/options/arguments.ts'
import { parseDuration } from '../../src/core/duration.ts'
import { asError, LedgerError } from '../../src/core/errors.ts'
import { parseInstant } from '../../src/core/instant.ts'
import { REASON_PLACEHOLDER } from '../../src/core/placeholder.ts'
import { readRerunnable } from '../../src/core/row/policy.ts'
import { parseSchedule } from '../../src/core/schedule/schedule.ts'
import type { Environment } from '../../src/core/types.ts'
import { checkOperator, checkTaskName } from '../../src/core/user-text.ts'
import { type RunSettings, readSettings } from '../../src/run/settings.ts'
import { readTrigger, type TriggerInput } from '../../src/run/trigger.ts'
import { missingCredentials } from '../../src/store/dynamodb/credentials.ts'
import { type DynamoRequest, dynamoError } from '../../src/store/dynamodb/errors.ts'
import { explainFileError } from '../../src/store/file/errors.ts'
import { checkPlace } from '../../src/store/file/file-system.ts'
import { parseStoreName } from '../../src/store/open.ts'
import { SLOT } from './samples.ts'

/** Returns the message of the error that `work` throws. */
function messageOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof LedgerError) return `(${error.kind}) ${error.message}`
    throw error
  }
  throw new Error(`no error: ${work}`)
}

const NEEDED = ['--store', 'file:/tmp/x', '--task', 'nightly', '--schedule', '0 3 * * *']
const options = (...argv: string[]) => messageOf(() => readOptions(run.help, argv, {}))

export const OPTION_ERRORS = (): readonly string[] => [
  options('--task', 'nightly', '--schedule', '0 3 * * *'),
  options('--store', 'file:/tmp/x', '--schedule', '0 3 * * *'),
  options(...NEEDED, './batch.sh'),
  options(...NEEDED, '--max-atempts', '3'),
  options(...NEEDED, '--frobnicate'),
  options(...NEEDED, '--task', 'other'),
  options(...NEEDED, '--lease'),
  options(...NEEDED, '--lease', '10'),
  options(...NEEDED, '--lease', '900d'),
  options(...NEEDED, '--max-attempts', 'two'),
  options(...NEEDED, '--overlap', 'refuse'),
  options(...NEEDED, '--notify-on', 'failed,broken'),
]

export const STORE_NAME_ERRORS = (): readonly string[] =>
  [
    undefined,
    'dynamodb',
    'dynamodb:a',
    'file:',
    's3:bucket',
    'ledger',
    'dynamodb:TABLE',
    'dynamodb://cronledger',
    'dynamodb:$TABLE',
    'file:PATH',
    'file:~/x',
  ].flatMap((name) => {
    try {
      parseStoreName(name)
      return []
    } catch (error) {
      return [`${name ?? '(not set)'}: ${asError(error).message}`]
    }
  })

const settings = (given: RunSettings) => messageOf(() => readSettings(given))

export const SETTING_ERRORS = (): readonly string[] => [
  settings({ leaseMs: 60_000, heartbeatMs: 60_000, skewMs: 30_000, killAfterMs: 20_000 }),
  settings({ retryDelayMs: 1_000 }),
  settings({ retryBackoff: 2 }),
  settings({ overlapTimeoutMs: 60_000 }),
  settings({ onLeaseLost: 'continue', maxAttempts: 2 }),
  settings({ onLeaseLost: 'continue', overlap: 'skip' }),
  settings({ maxAttempts: 1_000 }),
]

const NIGHTLY = parseSchedule({ expression: '0 12 * * *', zone: 'Asia/Tokyo' })
const trigger = (input: TriggerInput, given: RunSettings = {}, schedule = NIGHTLY) =>
  messageOf(() => readTrigger(input, schedule, readSettings(given), SLOT + 60_000))

export const TRIGGER_ERRORS = (): readonly string[] => [
  trigger({}, { strict: true }),
  trigger({ eventTime: '2027-01-01T00:00:00Z' }),
  trigger({ eventTime: '2026-11-24' }),
  trigger({ eventTime: '2026-11-24T03:00:00' }),
  trigger({ eventTime: '2026-13-24T03:00:00Z' }),
  trigger({ eventTime: '0001-01-01T03:00:00Z' }),
  trigger({ eventTime: '<aws.scheduler.scheduled-time>' }),
  trigger({ eventTime: '{' }),
  trigger({ eventTime: '{}' }),
  trigger({ force: { slot: 'latest', reason: 'r', by: 'b' }, eventTime: '2026-11-24T03:00:00Z' }),
  trigger({ force: { slot: '2027-01-01', reason: 'bad input', by: 'ada' } }),
  trigger({ force: { slot: 'latest', reason: '', by: 'ada' } }),
  trigger({}, { retentionMs: 3_600_000 }),
  trigger({}, {}, parseSchedule({ expression: 'at(2027-01-01T00:00:00)', zone: 'UTC' })),
]

export const VALUE_ERRORS = (): readonly string[] => [
  messageOf(() => checkTaskName('-nightly')),
  messageOf(() => checkOperator({ by: '', reason: 'bad input' })),
  messageOf(() => checkOperator({ by: 'ada', reason: REASON_PLACEHOLDER })),
  messageOf(() => checkOperator({ by: 'ada', reason: 'x'.repeat(801) })),
  messageOf(() => parseDuration('10', 'lease')),
  messageOf(() => parseInstant('yesterday', 'since')),
  messageOf(() => readRerunnable(['running'])),
]

const ASKED: DynamoRequest = {
  ...{ action: 'dynamodb:UpdateItem', table: 'cronledger', place: 'ap-northeast-1', env: {} },
  ...{ endpointVariable: null, missing: null, changedNothing: false },
}
const aws = (name: string, message: string, { code, ...more }: { code?: string } & Partial<DynamoRequest> = {}) =>
  `${name}: ${dynamoError(Object.assign(new Error(message), { name, code }), { ...ASKED, ...more }).message}`

const noCredentials = async (env: Environment) =>
  aws('CredentialsProviderError', 'Could not load credentials from any providers', {
    missing: await missingCredentials({ AWS_EC2_METADATA_DISABLED: 'true', ...env }, AbortSignal.abort()),
  })

export const DYNAMODB_ERRORS = async (): Promise<readonly string[]> => [
  aws('Error', 'Region is missing'),
  aws('Error', 'Region is missing', { env: { AWS_PROFILE: 'nope' } }),
  aws('Error', 'Region not accepted: region="ap northeast" is not a valid hostname component.'),
  aws('TypeError', 'Invalid URL'),
  aws('ResourceNotFoundException', 'Requested resource not found'),
  await noCredentials({}),
  await noCredentials({ AWS_PROFILE: 'nope' }),
  await noCredentials({ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/secret' }),
  await noCredentials({ AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/secrets/token' }),
  aws('AccessDeniedException', 'User: arn:aws:sts::111122223333:assumed-role/batch/1 is not authorized'),
  aws('UnrecognizedClientException', 'The security token included in the request is invalid.'),
  aws('ValidationException', 'The provided key element does not match the schema'),
  aws('AbortError', 'This operation was aborted'),
  aws('Error', 'getaddrinfo ENOTFOUND dynamodb.ap-northeast-9.amazonaws.com', { code: 'ENOTFOUND' }),
  aws('Error', 'connect ECONNREFUSED 127.0.0.1:8000', { endpointVariable: 'AWS_ENDPOINT_URL', code: 'ECONNREFUSED' }),
  aws('ProvisionedThroughputExceededException', 'The level of configured provisioned throughput was exceeded.'),
]

const LEDGER = '/var/lib/cronledger/x.db'
const system = (code: string) =>
  Object.assign(new Error(`${code}: it failed, open '${LEDGER}'`), { code, syscall: 'open' })
const sqlite = (rawCode: number, message: string) => Object.assign(new Error(message), { rawCode })
const file = (error: Error, path = LEDGER) => asError(explainFileError(error, path)).message

export const FILE_ERRORS = (): readonly string[] => [
  file(system('ENOENT')),
  file(system('ENOENT'), '/tmp/no-such-ledger.db'),
  file(system('ENOTDIR')),
  file(system('EACCES')),
  file(system('EROFS')),
  file(system('ENOSPC')),
  file(system('EMFILE')),
  file(system('ENFILE')),
  file(sqlite(11, 'database disk image is malformed')),
  file(sqlite(13, 'database or disk is full')),
  messageOf(() => checkPlace(LEDGER, () => 0x6969)),
  ...checkPlace(LEDGER, () => 0x794c7630),
]
