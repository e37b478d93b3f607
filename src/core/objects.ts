export function isKeyOf<T extends object>(key: PropertyKey, object: T): key is keyof T {
  return Object.hasOwn(object, key)
}

/** Returns the keys of an object that has no others than its type says. */
export function keysOf<T extends object>(object: T): Extract<keyof T, string>[] {
  return Object.keys(object) as Extract<keyof T, string>[]
}

/** Returns an object with a member for each name. */
export function objectOf<Name extends string, Value>(names: readonly Name[], of: (name: Name) => Value) {
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<Name, Value>
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Returns the items by key, both in their order. `Map.groupBy` needs Node 21. */
export function groupedBy<Item, K>(items: Iterable<Item>, keyOf: (item: Item) => K): Map<K, Item[]> {
  const groups = new Map<K, Item[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}

/** Sets an entry of a map, and drops the oldest one if the map then has more than `most`. */
export function setWithin<Key, Value>(map: Map<Key, Value>, most: number, key: Key, value: Value): void {
  map.delete(key)
  map.set(key, value)
  const [first] = map.keys()
  if (map.size > most && first !== undefined) map.delete(first)
}

export type OrUndefined<T> = { readonly [Name in keyof T]?: T[Name] | undefined }

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined | null> }

export function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => (value ?? null) !== null)) as Defined<T>
}

/** Returns what a value of unknown shape has under these names, one below the other. Undefined: nothing. */
export function valueAt(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((found, name) => {
    if (Array.isArray(found)) return found[Number(name)]
    return isRecord(found) ? found[name] : undefined
  }, value)
}

export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = valueAt(value, ...path)
  return Array.isArray(found) ? found : []
}

export function textAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const found = valueAt(value, ...path)
  return typeof found === 'string' && found !== '' ? found : undefined
}
