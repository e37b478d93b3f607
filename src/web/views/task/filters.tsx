import { isDate } from '../../../core/instant.ts'
import { STATUSES } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import type { TaskQuery } from '../frame/links.ts'
import { MARKS } from '../frame/marks.ts'

/** The form that filters the history of a task. */
export function Filters({
  task,
  query,
  zone,
}: {
  readonly task: string
  readonly query: TaskQuery
  readonly zone: string
}) {
  const { status, duplicates, since, until, year } = query
  const unseen = (name: string, text: string | undefined) =>
    text && dateFieldValue(text) === '' ? ` ${name} ${text}` : ''
  const byAddress = unseen('from', since) + unseen('to', until)
  return (
    <search>
      <form method="get" action="/task" autocomplete="off">
        <input type="hidden" name="task" value={task} />
        {year && <input type="hidden" name="year" value={year} />}
        <label>
          Status
          <select name="status">
            <option value="">any</option>
            {STATUSES.map((name) => (
              <option value={name} selected={name === status}>
                {MARKS[name].word}
              </option>
            ))}
          </select>
        </label>
        <label>
          From
          <input type="date" name="since" value={dateFieldValue(since)} aria-describedby="dates" />
        </label>
        <label>
          To
          <input type="date" name="until" value={dateFieldValue(until)} aria-describedby="dates" />
        </label>
        <label class="check">
          <input type="checkbox" name="duplicates" value="1" checked={Boolean(duplicates)} />
          Only with rejected triggers
        </label>
        <button type="submit">Show</button>
        <span id="dates" class="quiet">
          Dates are in {zone}
        </span>
      </form>
      {byAddress !== '' && <p class="quiet">The address of this page also limits the slots{printable(byAddress)}.</p>}
    </search>
  )
}

/** Returns the text if a date field can show it, and an empty text otherwise. */
function dateFieldValue(text = ''): string {
  return isDate(text) ? text : ''
}
