import { expect, test } from 'vitest'
import { cronledger, messageLines, NIGHTLY } from '../support/cli.ts'
import { type Server, startAnswering, startDynalite } from '../support/servers.ts'

const SLOT = [...NIGHTLY, '--event-time', '2026-11-23T03:00:05Z']
const AWS = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'very-secret' }
const NOBODY = 'http://127.0.0.1:9'

/** Runs a batch that must not start, and returns what the user sees. */
async function refused(endpoint: string, timeout: string) {
  const options = ['--store', 'dynamodb:nowhere', ...SLOT, '--ledger-timeout', timeout, '--log', 'text']
  const env = { ...AWS, AWS_ENDPOINT_URL_DYNAMODB: endpoint }
  const { code, stdout, stderr } = await cronledger(['run', ...options, '--', 'echo', 'no'], { env })
  expect(stdout).toBe('')
  expect(stderr).not.toMatch(/ at .*:\d+:\d+|very-secret/)
  return { code, lines: messageLines(stderr) }
}

async function refusedBy(server: Server, timeout: string) {
  const ended = await refused(server.endpoint, timeout)
  await server.stop()
  return ended
}

// A ledger that never answers is given up soon. Every other one gets the time that a busy machine needs.

test('a dead endpoint: 75', async () => {
  const lines = [expect.stringMatching(/not started: .*127\.0\.0\.1:9/)]
  expect(await refused(NOBODY, '3s')).toEqual({ code: 75, lines })
})

test('an endpoint that accepts and never answers: 75', async () => {
  const server = await startAnswering(null)
  const lines = [expect.stringContaining(server.endpoint.replace('http://', ''))]
  expect(await refusedBy(server, '3s')).toEqual({ code: 75, lines })
})

test('a missing table: 78, and what to run', async () => {
  const lines = [expect.stringMatching(/nowhere.*cronledger setup/)]
  expect(await refusedBy(await startDynalite(), '2m')).toEqual({ code: 78, lines })
})

test('access denied: 77', async () => {
  const body = JSON.stringify({ __type: 'com.amazon.coral.service#AccessDeniedException', message: 'no' })
  const lines = [expect.stringMatching(/dynamodb:PutItem on table "nowhere"/)]
  expect(await refusedBy(await startAnswering({ status: 400, body }), '2m')).toEqual({ code: 77, lines })
})
