// The types of `require('cronledger')`. The library is an ES module, which each supported version of Node can require.
import type * as library from './index.js' with { 'resolution-mode': 'import' }

export type * from './index.js' with { 'resolution-mode': 'import' }
export declare const createLedger: typeof library.createLedger
export declare const exitCodeOf: typeof library.exitCodeOf
export declare const installStops: typeof library.installStops
export declare const slotOf: typeof library.slotOf
export declare const LedgerError: typeof library.LedgerError
export type LedgerError = library.LedgerError
export declare const OutcomeError: typeof library.OutcomeError
export type OutcomeError = library.OutcomeError
