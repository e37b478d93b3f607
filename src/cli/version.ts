import sdk from '@aws-sdk/client-dynamodb/package.json' with { type: 'json' }
import cronledger from '../../package.json' with { type: 'json' }

/** Version of cronledger, and of what it stands on; Node's zone data decides the slots. */
export function versionText(): string {
  const { version, versions } = process
  return `cronledger ${cronledger.version} (Node ${version}, AWS SDK ${sdk.version}, zone data ${versions['tz']})`
}
