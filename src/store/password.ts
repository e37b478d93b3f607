/** The passwords that came with addresses, by the address without it. They stay in the memory of this process. */
const passwords = new Map<string, string>()

/** No address is equal to it, because a host has no space. */
const INVALID = 'postgres://(not a valid address)'

/** A parameter that can be meant for a password. */
const MISSPELT = /^(?!password$|passfile$).*(pass|pw|secret|[^a-z_])/

export function isPostgresAddress(name: string): boolean {
  return /^postgres(ql)?:\/\//.test(name)
}

/**
 * Remembers the password of an address. Only the name without it goes into logs, messages and printed commands. If the
 * text is not a valid address, nothing of it is kept, because a password can be anywhere in it.
 */
export function hidePassword(name: string): string {
  if (!isPostgresAddress(name)) return name
  const url = URL.canParse(name) ? new URL(name) : null
  if (url === null || url.hash !== '' || url.pathname.includes('@')) return INVALID
  for (const [key, value] of url.searchParams) {
    // After a question mark in a password, the rest of it and the @ before the host are read as a parameter.
    if (MISSPELT.test(key) || (value.includes('@') && !/^(user|password)$/.test(key))) return INVALID
  }
  const password = url.searchParams.get('password') || decoded(url.password)
  if (password === '') return name
  url.password = ''
  url.searchParams.delete('password')
  passwords.set(url.href, password)
  return url.href
}

/** Decodes `%` and two digits. A `%` that is not followed by two digits is a part of the text. */
export function decoded(text: string): string {
  return text.replace(/(%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll('%', ''), 'hex').toString())
}

/** Returns the password that an address had before `hidePassword`. */
export function hiddenPassword(name: string): string | undefined {
  return passwords.get(name)
}
