import { expect, test } from 'vitest'
import { isLoopback, isOwnHost } from '../../../src/web/server/guard.ts'

test.each([
  ['127.0.0.1:8276', '127.0.0.1', true],
  ['localhost:8276', '127.0.0.1', true],
  ['LOCALHOST', '127.0.0.1', true],
  ['[::1]:8276', '127.0.0.1', true],
  // By a tunnel the port is another one.
  ['localhost:9000', '127.0.0.1', true],
  ['evil.example:8276', '127.0.0.1', false],
  ['localhost.evil.example', '127.0.0.1', false],
  ['127.0.0.1.evil.example', '127.0.0.1', false],
  ['10.0.0.7:8276', '127.0.0.1', false],
  ['', '127.0.0.1', false],
  [undefined, '127.0.0.1', false],
  ['localhost:8276@evil.example', '127.0.0.1', false],
  ['10.0.0.7:8276', '0.0.0.0', true],
  ['[fe80::1]', '::', true],
  ['evil.example', '0.0.0.0', false],
  ['ledger.internal:8276', 'ledger.internal', true],
  ['other.internal', 'ledger.internal', false],
])('Host %j of a server on %s: %s', (header, host, own) => {
  expect(isOwnHost(header, host)).toBe(own)
})

test.each([
  ['127.0.0.1', true],
  ['127.8.8.8', true],
  ['::1', true],
  ['0:0:0:0:0:0:0:1', true],
  ['::ffff:127.0.0.1', true],
  ['::ffff:7f00:1', true],
  ['localhost', true],
  ['LOCALHOST', true],
  ['::ffff:10.0.0.7', false],
  ['0.0.0.0', false],
  ['::', false],
  ['127.0.0.1.example', false],
])('%s is this machine alone: %s', (host, alone) => {
  expect(isLoopback(host)).toBe(alone)
})
