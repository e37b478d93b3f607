import type { Child } from 'hono/jsx'

export type Level = 1 | 2 | 3 | 4

/** A heading: of level 1 on a page of its own, deeper in a report. */
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
