import { expect } from 'vitest'
import { systemClock } from '../../../src/process/clock.ts'
import type { AppOptions } from '../../../src/web/server/answers.tsx'
import { createApp } from '../../../src/web/server/app.tsx'

/** Returns a function that asks the pages of a ledger, in this process, and as of this time, for the HTML of an address. */
export function pagesOf(ledger: object, store: string, now: number) {
  const app = createApp({
    ledger: ledger as AppOptions['ledger'],
    ledgerTimeoutMs: 9_000,
    store,
    assets: { script: '', style: '' },
    host: 'localhost',
    clock: { ...systemClock, now: () => now },
    report: (message) => expect.unreachable(message),
  })
  return async (address: string) => (await app.request(address, { headers: { host: 'localhost' } })).text()
}
