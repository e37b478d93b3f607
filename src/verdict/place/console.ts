import type { Place } from '../../core/types.ts'

/** The hosts of the console, by the form of a Region. Other partitions have a host that is not public. */
const CONSOLES = [
  { regions: /^cn-[a-z]+-\d+$/, host: 'console.amazonaws.cn' },
  { regions: /^us-gov-[a-z]+-\d+$/, host: 'console.amazonaws-us-gov.com' },
  { regions: /^(?:af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-\d+$/, host: 'console.aws.amazon.com' },
] as const

/** It cannot be a part of an address. A record that was damaged can have one. */
const HALF_CHARACTER = /\p{Cs}/u

/** Returns null if it is not known. AWS does not document this address: `aws logs tail` does not depend on it. */
export function logAddress(place: Place): string | null {
  if (place.kind !== 'ecs') return null
  const { region, logGroup, logStream } = place
  const host = CONSOLES.find(({ regions }) => regions.test(region))?.host
  if (host === undefined || logGroup === undefined || logStream === undefined) return null
  if (HALF_CHARACTER.test(logGroup + logStream)) return null
  const path = `log-groups/log-group/${consoleText(logGroup)}/log-events/${consoleText(logStream)}`
  return `https://${host}/cloudwatch/home?region=${region}#logsV2:${path}`
}

function consoleText(text: string): string {
  return encodeURIComponent(encodeURIComponent(text)).replaceAll('%', '$')
}
