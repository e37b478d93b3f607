import { BlockList, isIP } from 'node:net'

/** The loopback addresses. A `BlockList` also matches other forms of them, such as `::ffff:127.0.0.1`. */
const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

export function isLoopback(host: string): boolean {
  const version = isIP(host)
  return version === 0 ? host.toLowerCase() === 'localhost' : LOOPBACK.check(host, version === 6 ? 'ipv6' : 'ipv4')
}

/**
 * Another site can make its own name resolve to a loopback address (DNS rebinding), and its scripts could then read the
 * answers. But the Host header still has its name. A server that does not listen on loopback also accepts any IP address,
 * because a name of another site cannot look like one.
 */
export function isOwnHost(header: string | undefined, listensOn: string): boolean {
  const host = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(header ?? '')
  const name = (host?.[1] ?? host?.[2] ?? '').toLowerCase()
  if (name === '') return false
  if (isLoopback(name) || name === listensOn.toLowerCase()) return true
  return !isLoopback(listensOn) && isIP(name) !== 0
}
