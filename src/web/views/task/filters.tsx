import { isDate } from '../../../core/instant.ts'
import { STATUSES } from '../../../core/types.ts'
import { printable } from '../../../format/text.ts'
import type { TaskQuery } from '../frame/links.ts'
import { MARKS } from '../frame/marks.ts'
import { wallClock } from '../frame/wall-clock.ts'

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
    text && dateFieldValue(text) === '' ? ` ${name} ${boundText(text, zone)}` : ''
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
      {byAddress !== '' && <p class="quiet">Only slots{printable(byAddress)} are shown.</p>}
    </search>
  )
}

/** A time with its offset. A time without one is local already. */
const INSTANT = /T.*(?:Z|[+-]\d\d:?\d\d)$/

/** Returns an instant as the local time of the task, as the cells of the overview show it. Returns other texts as they are. */
function boundText(text: string, zone: string): string {
  const [clock, at] = [wallClock(zone), Date.parse(text)]
  return INSTANT.test(text) && !Number.isNaN(at) ? `${clock.time(at)} ${clock.offset(at)}` : text
}

/** Returns the text if a date field can show it, and an empty text otherwise. */
function dateFieldValue(text = ''): string {
  return isDate(text) ? text : ''
}
