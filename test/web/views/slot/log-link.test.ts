import { expect, test } from 'vitest'
import { LogLink, logAddress } from '../../../../src/web/views/slot/log-link.tsx'
import { ON_ECS } from '../../../support/rows.ts'

const STREAM = 'cronledger$252Fbatch$252F158d1c8083dd49d6b527399fd6414f5c'

test.each([
  ['ap-northeast-1', 'console.aws.amazon.com'],
  ['us-gov-west-1', 'console.amazonaws-us-gov.com'],
  ['cn-north-1', 'console.amazonaws.cn'],
])('the log of a container in %s', (region, host) => {
  expect(logAddress({ ...ON_ECS, region })).toBe(
    `https://${host}/cloudwatch/home?region=${region}#logsV2:log-groups/log-group/$252Fecs$252Fnightly/log-events/${STREAM}`,
  )
})

test('characters of a name that have a meaning in an address', () => {
  const address = logAddress({ ...ON_ECS, logGroup: 'a b#c&d', logStream: '$[LATEST]é' })
  expect(address).toMatch(/log-group\/a\$2520b\$2523c\$2526d\/log-events\/\$2524\$255BLATEST\$255D\$25C3\$25A9$/)
})

test.each([
  { region: 'us-iso-east-1' },
  { region: 'eusc-de-east-1' },
  { region: 'us-east-1.evil.example/' },
  { logGroup: undefined },
  { logStream: undefined },
  { logGroup: 'half a character: \ud800' },
  { logStream: '\udc00' },
])('there is no link for %j', (more) => {
  const { logGroup, logStream, ...place } = { ...ON_ECS, ...more }
  const ecs = { ...place, ...(logGroup && { logGroup }), ...(logStream && { logStream }) }
  expect(logAddress(ecs)).toBeNull()
  expect(LogLink({ ecs, text: 'log' })).toBeNull()
})

test('the link gives nothing away about the page', () => {
  expect(String(LogLink({ ecs: ON_ECS, text: 'log' }))).toMatch(
    /^<a href="https:[^"]*" rel="noreferrer noopener">log<\/a>$/,
  )
})
