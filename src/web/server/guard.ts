import { BlockList, isIP } from 'node:net'

/** All ways to write them: it knows `::ffff:127.0.0.1` as the IPv4 address that it is. */
const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/** Whether an address or a name means this machine alone. */
export function isLoopback(host: string): boolean {
  const version = isIP(host)
  return version === 0 ? host.toLowerCase() === 'localhost' : LOOPBACK.check(host, version === 6 ? 'ipv6' : 'ipv4')
}

/**
 * Whether the Host header of a request names this server. A page of another site can have its own name resolve to a
 * loopback address (DNS rebinding), and its scripts could read the answer; but its name stands in the header. So a server
 * on loopback goes by the names of loopback, and one beyond it also by its address, which no name can pretend to be.
 */
export function isOwnHost(header: string | undefined, listensOn: string): boolean {
  const host = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(header ?? '')
  const name = (host?.[1] ?? host?.[2] ?? '').toLowerCase()
  if (name === '') return false
  if (isLoopback(name) || name === listensOn.toLowerCase()) return true
  return !isLoopback(listensOn) && isIP(name) !== 0
}
