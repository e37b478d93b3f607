import sdk from '@aws-sdk/client-dynamodb/package.json' with { type: 'json' }
import cronledger from '../../package.json' with { type: 'json' }

/** Returns the versions of cronledger, Node, the AWS SDK and Node's zone data, which decides the slots. */
export function versionText(): string {
  const { version, versions } = process
  return `cronledger ${cronledger.version} (Node ${version}, AWS SDK ${sdk.version}, zone data ${versions['tz']})`
}
