import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cronledger, messageLines, NIGHTLY, type Options, scratch } from '../support/cli.ts'
import { type Server, startAnswering, startDynalite } from '../support/servers.ts'

const folder = scratch()
const SLOT = [...NIGHTLY, '--event-time', '2026-11-23T03:00:05Z']
const AWS = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'very-secret' }

/** For a ledger that never answers; every other one gets the time that a busy machine needs. */
const SOON = { timeout: '3s' }

/** Runs a batch that must not start, and gives what the person sees. */
async function refused(
  store: string,
  env: Record<string, string> = {},
  { timeout = '2m', ...as }: Pick<Options, 'uid' | 'gid'> & { readonly timeout?: string } = {},
) {
  const args = ['run', '--store', store, ...SLOT, '--ledger-timeout', timeout, '--log', 'text', '--', 'echo', 'no']
  const { code, stdout, stderr } = await cronledger(args, { env, ...as })
  expect(stdout).toBe('')
  expect(stderr).not.toMatch(/ at .*:\d+:\d+|very-secret/)
  return { code, lines: messageLines(stderr) }
}

describe('one clear line, the exit code of the design, within the stated time', () => {
  test('a dead endpoint: 75', async () => {
    const nobody = { ...AWS, AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9' }
    const { code, lines } = await refused('dynamodb:ledger', nobody, SOON)
    expect({ code, lines }).toEqual({ code: 75, lines: [expect.stringMatching(/not started: .*127\.0\.0\.1:9/)] })
  })

  test('an endpoint that accepts and never answers: 75', async () => {
    const server = await startAnswering(null)
    const silent = { ...AWS, AWS_ENDPOINT_URL_DYNAMODB: server.endpoint }
    const { code, lines } = await refused('dynamodb:ledger', silent, SOON)
    await server.stop()
    const host = server.endpoint.replace('http://', '')
    expect({ code, lines }).toEqual({ code: 75, lines: [expect.stringContaining(host)] })
  })

  describe('with a server', () => {
    let server: Server
    beforeAll(async () => {
      server = await startDynalite()
    })
    afterAll(() => server.stop())

    test('a missing table: 78, and what to run', async () => {
      const { code, lines } = await refused('dynamodb:nowhere', { ...AWS, AWS_ENDPOINT_URL_DYNAMODB: server.endpoint })
      expect({ code, lines }).toEqual({ code: 78, lines: [expect.stringMatching(/nowhere.*cronledger setup/)] })
    })
  })

  for (const [what, type, message] of [
    ['access denied', 'com.amazon.coral.service#AccessDeniedException', /dynamodb:PutItem on table "ledger"/],
    ['wrong credentials', 'com.amazon.coral.service#UnrecognizedClientException', /credentials|ledger/],
    ['an expired token', 'com.amazon.coral.service#ExpiredTokenException', /credentials|ledger/],
  ] as const) {
    test(`${what}: 77`, async () => {
      const server = await startAnswering({ status: 400, body: JSON.stringify({ __type: type, message: 'no' }) })
      const { code, lines } = await refused('dynamodb:ledger', { ...AWS, AWS_ENDPOINT_URL_DYNAMODB: server.endpoint })
      await server.stop()
      expect({ code, lines }).toEqual({ code: 77, lines: [expect.stringMatching(message)] })
    })
  }

  test('no credentials at all: 77', async () => {
    const none = { AWS_REGION: 'eu-west-1', AWS_EC2_METADATA_DISABLED: 'true', HOME: folder }
    const { code, lines } = await refused('dynamodb:ledger', none)
    expect({ code, lines }).toEqual({ code: 77, lines: [expect.stringMatching(/credentials/i)] })
  })

  test('no region: 64', async () => {
    const { AWS_REGION: _, ...env } = AWS
    const { code, lines } = await refused('dynamodb:ledger', { ...env, HOME: folder })
    expect({ code, lines }).toEqual({ code: 64, lines: [expect.stringMatching(/AWS_REGION/)] })
  })

  test('a file that is not a ledger: 78, and not a byte of it is changed', async () => {
    const path = join(folder, 'letter.txt')
    writeFileSync(path, 'Dear Sir or Madam, this is a letter and no database at all.\n'.repeat(100))
    const before = readFileSync(path)
    const { code, lines } = await refused(`file:${path}`)
    expect({ code, lines }).toEqual({ code: 78, lines: [expect.stringContaining(path)] })
    expect(readFileSync(path)).toEqual(before)
  })

  test('a folder that is missing: 78', async () => {
    const { code, lines } = await refused(`file:${join(folder, 'no', 'such', 'ledger.db')}`)
    expect({ code, lines }).toEqual({ code: 78, lines: [expect.stringMatching(/mkdir/)] })
  })

  test('a read-only folder: 77', async () => {
    const path = join(folder, 'read-only')
    mkdirSync(path)
    chmodSync(path, 0o555)
    chmodSync(folder, 0o755)
    // root may write everywhere: another user must try.
    const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    const { code, lines } = await refused(`file:${join(path, 'ledger.db')}`, {}, asNobody)
    expect({ code, lines }).toEqual({ code: 77, lines: [expect.stringContaining(path)] })
  })

  test('history of a ledger that is not there: 78, and none is made', async () => {
    const path = join(folder, 'none.db')
    const { code, stdout, stderr } = await cronledger(['history', '--store', `file:${path}`, '--task', 'nightly'])
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' })
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(() => readFileSync(path)).toThrow(/ENOENT/)
  })
})
