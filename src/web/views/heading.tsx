import type { Child } from 'hono/jsx'

export type Level = 1 | 2 | 3 | 4

/** A heading. Its level is 1 on a page of its own, and higher in a report. */
export function Heading({
  level,
  id,
  children,
}: {
  readonly level: Level
  readonly id?: string
  readonly children?: Child
}) {
  const Tag = `h${level}` as const
  return <Tag id={id}>{children}</Tag>
}
