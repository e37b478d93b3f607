import { startLive } from './live.ts'

// The pages work without this script. It adds the choice of a zone, copying, the search while a person types, and
// updates.
document.documentElement.classList.add('scripted')
startTimes()
startCopying()
startSearch()
startLive()

/** Makes the choice of the zone of all times. The server makes the pages in the zone that it finds in the cookie. */
function startTimes(): void {
  const choice = document.getElementById('times')
  if (!(choice instanceof HTMLSelectElement)) return
  choice.addEventListener('change', () => {
    const zone = choice.value === 'browser' ? Intl.DateTimeFormat().resolvedOptions().timeZone : choice.value
    const age = zone === '' ? 0 : 31_536_000
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API needs TLS or a loopback address
    document.cookie = `${choice.dataset['cookie']}=${encodeURIComponent(zone)}; path=/; max-age=${age}; samesite=strict`
    location.reload()
  })
  // The Back button can show a page that was left before another choice was made.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) location.reload()
  })
}

/** Enter asks the server, which looks at all tasks. */
function startSearch(): void {
  const input = document.querySelector<HTMLInputElement>('search input[name="q"]')
  if (!input) return
  const showMatches = () => {
    const part = input.value.trim().toLowerCase()
    const rows = [...document.querySelectorAll<HTMLElement>('#tasks tr[data-task]')]
    const isWanted = (name = '') => (part.endsWith('*') ? name.startsWith(part.slice(0, -1)) : name.includes(part))
    for (const row of rows) row.hidden = !isWanted(row.dataset['task'])
    const found = rows.filter(({ hidden }) => !hidden).length
    const output = document.getElementById('found')
    // A screen reader reads the number.
    if (output) output.textContent = part === '' ? '' : `${found} of ${rows.length} tasks`
  }
  input.addEventListener('input', showMatches)
  document.addEventListener('refreshed', showMatches)
}

/** Starts the buttons that copy a command. If the page cannot use the clipboard, they select the command instead. */
function startCopying(): void {
  // A screen reader reads a new status, but not the new name of a button. The status is outside of the part that a refresh
  // changes.
  const status = document.getElementById('copied') ?? document.body.appendChild(document.createElement('p'))
  status.id = 'copied'
  status.className = 'aside'
  status.role = 'status'
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>('button.copy') : null
    const code = button?.parentElement?.querySelector('code')
    if (!button || !code) return
    void copy(code).then((text) => {
      button.textContent = text
      status.textContent = text
    })
  })
}

async function copy(code: Element): Promise<string> {
  try {
    await navigator.clipboard.writeText(code.textContent ?? '')
    return 'Copied'
  } catch {
    // A page without TLS cannot use the clipboard, unless it comes from loopback.
    getSelection()?.selectAllChildren(code)
    return 'Selected: press Ctrl-C'
  }
}
