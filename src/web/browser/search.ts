/** How long a person pauses before the script asks the server. */
const PAUSE_MS = 300

/** The parts of the overview that depend on the search. The search itself stays, since a person is typing in it. */
const PARTS = ['states', 'spans', 'tasks'] as const

/**
 * Searches the tasks while a person types. If the page has all tasks, it hides the others, otherwise it asks the server.
 * The address follows, so that the next refresh shows the same tasks.
 */
export function startSearch(): void {
  const input = document.querySelector<HTMLInputElement>('search input[name="q"]')
  const main = document.getElementById('main')
  if (!input || !main) return
  let timer = 0
  let asked = new AbortController()
  input.addEventListener('input', () => {
    clearTimeout(timer)
    asked.abort()
    setAddress(input.value.trim())
    if (hasAllOf(input.value)) {
      showMatches(input.value)
      return
    }
    asked = new AbortController()
    const { signal } = asked
    timer = setTimeout(() => void load(signal).then((isLoaded) => isLoaded && showMatches(input.value)), PAUSE_MS)
  })
  // The answer to a refresh that began before the last letter has rows that the search has already hidden.
  new MutationObserver(() => hide(input.value)).observe(main, { childList: true, subtree: true })
}

/** Returns whether the page contains all tasks with this text in their name. */
function hasAllOf(text: string): boolean {
  const tasks = document.getElementById('tasks')
  const read = tasks?.dataset['q']?.toLowerCase() ?? ''
  return tasks?.dataset['complete'] !== undefined && text.trim().toLowerCase().includes(read)
}

/** Shows the tasks with this text in their name, and says how many there are. A screen reader reads the number. */
function showMatches(text: string): void {
  const { found, all } = hide(text)
  const output = document.getElementById('found')
  if (output) output.textContent = text.trim() === '' ? '' : `${found} of ${all} tasks`
}

function hide(text: string): { readonly found: number; readonly all: number } {
  const part = text.trim().toLowerCase()
  const rows = [...document.querySelectorAll<HTMLElement>('#tasks tr[data-task]')]
  let found = 0
  for (const row of rows) {
    const isHidden = !row.dataset['task']?.includes(part)
    if (!isHidden) found += 1
    if (row.hidden !== isHidden) row.hidden = isHidden
  }
  for (const group of document.querySelectorAll('#tasks tbody')) {
    const isHidden = group.querySelector('tr[data-task]:not([hidden])') === null
    if (group instanceof HTMLElement && group.hidden !== isHidden) group.hidden = isHidden
    // The number of tasks in the line of a group is that of all its tasks.
    const number = group.querySelector<HTMLElement>('.group small')
    if (number) number.hidden = part !== ''
  }
  return { found, all: rows.length }
}

/** Puts the text into the address and into the links of the filters. */
function setAddress(text: string): void {
  history.replaceState(history.state, '', withSearch(location.href, text))
  for (const link of document.querySelectorAll<HTMLAnchorElement>(':is(#states, #spans) a')) {
    link.setAttribute('href', withSearch(link.href, text))
  }
}

function withSearch(address: string, text: string): string {
  const url = new URL(address)
  url.searchParams.delete('after')
  if (text === '') url.searchParams.delete('q')
  else url.searchParams.set('q', text)
  return `${url.pathname}${url.search}`
}

/** Fetches the tasks of the address. Returns false if it could not, or if a later letter made the answer useless. */
async function load(signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(location.href, { cache: 'no-store', signal })
    const answer = new DOMParser().parseFromString(await response.text(), 'text/html')
    // A page that says what is wrong has no tasks. The next refresh says the same, so the old tasks stay.
    if (!response.ok || signal.aborted) return false
    for (const id of PARTS) {
      const part = answer.getElementById(id)
      if (part) document.getElementById(id)?.replaceWith(part)
    }
    return true
  } catch {
    return false
  }
}
