import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { StoredDocument, StoredValue } from '../../core/row/stored-fields.ts'

export type Item = Record<string, AttributeValue>

export function toItem(document: StoredDocument): Item {
  return Object.fromEntries(Object.entries(document).map(([name, value]) => [name, toAttribute(value)]))
}

export function toAttribute(value: StoredValue): AttributeValue {
  if (typeof value === 'string') return { S: value }
  if (typeof value === 'number') return { N: String(value) }
  if (isList(value)) return { L: value.map(toAttribute) }
  return { M: toItem(value) }
}

/** Sets become lists. Types that cronledger never writes become undefined, as if they were absent. */
export function fromItem(item: Item): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, fromAttribute(value)]))
}

function fromAttribute(value: AttributeValue): unknown {
  if (value.S !== undefined) return value.S
  if (value.N !== undefined) return Number(value.N)
  if (value.SS !== undefined) return value.SS
  if (value.L !== undefined) return value.L.map(fromAttribute)
  return value.M === undefined ? undefined : fromItem(value.M)
}

// `Array.isArray` does not narrow a readonly array.
function isList(value: StoredValue): value is readonly StoredValue[] {
  return Array.isArray(value)
}
