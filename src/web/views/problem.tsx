import { printable } from '../../format/text.ts'
import type { Links } from './links.ts'

/** The page that is shown when a view cannot be shown. */
export function ProblemView({
  title,
  message,
  links,
}: {
  readonly title: string
  readonly message: string
  readonly links: Links
}) {
  return (
    <section aria-labelledby="problem-title">
      <h1 id="problem-title">{title}</h1>
      <p id="problem">{printable(message)}</p>
      <p>
        <a href={links.overview()}>All tasks</a>
      </p>
    </section>
  )
}
