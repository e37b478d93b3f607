/** Nothing may be there which the schema does not name: a new field has to be described. */
export function closed(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(closed)
  if (typeof part !== 'object' || part === null) return part
  const entries = Object.entries(part).map(([name, value]) => [name, name === 'if' ? value : closed(value)])
  const inner = Object.fromEntries(entries)
  // The branches of a part say what may be there.
  return inner['type'] === 'object' && !('if' in inner) ? { additionalProperties: false, ...inner } : inner
}
