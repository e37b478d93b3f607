import { STATUSES } from '../../../core/types.ts'
import type { TaskQuery } from '../frame/links.ts'
import { MARKS } from '../frame/marks.ts'

/** The form that opens a slot, and the form that filters the history of a task. The times are as those of `cronledger history`. */
export function Filters({
  task,
  query,
  zone,
  slotZone,
}: Readonly<{ task: string; query: TaskQuery; zone: string; slotZone: string }>) {
  const { status, duplicates, since, until } = query
  return (
    <search>
      <form method="get" action="/slot" autocomplete="off">
        <input type="hidden" name="task" value={task} />
        <label>
          Jump to slot
          <input
            name="slot"
            size={18}
            required
            spellcheck={false}
            placeholder="latest"
            aria-describedby="times-of-slot"
          />
        </label>
        <button type="submit">Open</button>
        <span id="times-of-slot" class="quiet">
          latest, 2026-11-24 or 2026-11-24 03:00, in {slotZone}
        </span>
      </form>
      <form method="get" action="/task" autocomplete="off">
        <input type="hidden" name="task" value={task} />
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
        <Bound label="From" name="since" value={since} />
        <Bound label="To" name="until" value={until} />
        <label class="check">
          <input type="checkbox" name="duplicates" value="1" checked={Boolean(duplicates)} />
          Only with rejected triggers
        </label>
        <button type="submit">Show</button>
        <span id="times-of-history" class="quiet">
          2026-11-24, 2026-11-24 03:00 or 7d, in {zone}
        </span>
      </form>
    </search>
  )
}

/** A field for a time. A date field would show it as mm/dd/yyyy, and has no time of the day. */
function Bound({ label, name, value = '' }: Readonly<{ label: string; name: string; value: string | undefined }>) {
  return (
    <label>
      {label}
      <input name={name} value={value} size={20} spellcheck={false} aria-describedby="times-of-history" />
    </label>
  )
}
