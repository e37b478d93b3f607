/** A step that setup did, or found already done. */
export interface SetupStep {
  readonly what: 'table' | 'timeToLive' | 'file'
  /** `unsupported` means that the server does not have this feature. The ledger works without it. */
  readonly did: 'created' | 'found' | 'enabled' | 'unsupported'
}
