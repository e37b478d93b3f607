/** What setup did, or found done. */
export interface SetupStep {
  readonly what: 'table' | 'timeToLive' | 'file'
  /** `unsupported`: the server has no such thing, and the ledger works without it. */
  readonly did: 'created' | 'found' | 'enabled' | 'unsupported'
}
