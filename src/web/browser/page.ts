import { Idiomorph } from 'idiomorph'

/** The limit for the growing wait after failures. A ledger that works again is seen within half a minute. */
const LONGEST_RETRY_MS = 30_000
/** How long to wait for an answer. It is longer than the server waits for the ledger by default. */
const ANSWER_MS = 45_000

/** A banner says that the page could not be refreshed. */
function startLive(): void {
  let failures = 0
  let timer = 0
  let dueMs = 0
  let isAsking = false
  document.querySelector('#retry button')?.addEventListener('click', () => void ask(true))

  /** Plans the next request. Returns false if the page never asks. */
  const plan = () => {
    clearTimeout(timer)
    const pollMs = Number(document.getElementById('main')?.dataset['pollMs'])
    if (!(pollMs > 0)) return false
    // We must never ask sooner than the server says. After failures the wait grows, but not past half a minute.
    const waitMs = Math.max(pollMs, Math.min(pollMs * 2 ** failures, LONGEST_RETRY_MS))
    dueMs = Date.now() + waitMs
    timer = setTimeout(ask, waitMs, false)
    return true
  }

  const ask = async (wasAsked: boolean) => {
    // We must not cost the ledger reads while the page is hidden. `visibilitychange` starts the next try.
    if (document.hidden || isAsking) return
    isAsking = true
    clearTimeout(timer)
    const problem = await refresh()
    isAsking = false
    failures = problem === null ? 0 : failures + 1
    plan()
    showBanner(problem, wasAsked)
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && Date.now() >= dueMs) void ask(false)
  })
  if (plan() && isProblem(document)) showBanner('', false)
}

let told: string | null = null

/** `problem`: why. Empty: the page says why. Null: hides the banner. `wasAsked`: a person asked for this try. */
function showBanner(problem: string | null, wasAsked: boolean): void {
  const [status, retry] = [document.getElementById('connection'), document.getElementById('retry')]
  if (!status || !retry) return
  const hadFocus = retry.contains(document.activeElement)
  retry.hidden = problem === null
  // A screen reader reads the status each time it is set.
  if (problem !== told || wasAsked) {
    const age = problem && `${problem} The page shows the ledger ${document.getElementById('as-of')?.textContent}. `
    const again = problem !== null && wasAsked ? `The last try was at ${new Date().toLocaleTimeString('en-GB')}.` : ''
    status.textContent = `${age ?? ''}${again}`.trim()
  }
  told = problem
  if (problem === null && hadFocus) document.getElementById('main')?.focus({ preventScroll: true })
}

/** Returns whether a page says why a view cannot be shown, and may show it later. */
function isProblem(page: Document): boolean {
  return page.querySelector('[data-retries]') !== null
}

/** An answer that says why it cannot be shown does not replace a view. Returns the problem as `showBanner` takes it. */
async function refresh(): Promise<string | null> {
  let answer: Document
  try {
    const response = await fetch(location.href, {
      cache: 'no-store',
      signal: AbortSignal.timeout(ANSWER_MS),
      // Rows that a page shows must not go away because they are being read again.
      headers: document.getElementById('partial') === null ? { prefer: 'wait' } : {},
    })
    answer = new DOMParser().parseFromString(await response.text(), 'text/html')
    // A proxy in front of the server has its own pages.
    if (answer.getElementById('main') === null)
      return `The server cannot be reached: the answer has the status ${response.status}.`
  } catch {
    return 'The server (cronledger serve) cannot be reached.'
  }
  if (isProblem(answer) && !isProblem(document)) return problemOf(answer)
  showPage(answer)
  return isProblem(answer) ? '' : null
}

/** Returns what a page says as one sentence. Some messages of a ledger already end with a full stop. */
function problemOf(answer: Document): string {
  const [title, text] = ['h1', '#problem'].map((place) => answer.querySelector(place)?.textContent ?? '')
  return `${title}: ${text}`.replace(/\.?$/, '.')
}

function showPage(answer: Document): void {
  const [main, other] = [document.getElementById('main'), answer.getElementById('main')]
  if (!main || !other) return
  const focused = document.activeElement?.getAttribute('href')
  Idiomorph.morph(main, other, {
    morphStyle: 'outerHTML',
    callbacks: {
      // We must not touch a part that did not change, or a form that a person is filling in.
      beforeNodeMorphed: (before: Node, after: Node) => before.nodeName !== 'SEARCH' && !before.isEqualNode(after),
      // A person opens and closes parts.
      beforeAttributeUpdated: (name: string) => name !== 'open',
    },
  })
  document.title = answer.title
  const asOf = answer.getElementById('as-of')
  if (asOf) document.getElementById('as-of')?.replaceWith(asOf)
  // A new slot moves all cells by one. The focus must stay on the same slot.
  if (focused && document.activeElement?.getAttribute('href') !== focused) {
    main.querySelector<HTMLElement>(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
  }
}

// The pages work without this script. It adds the choice of a zone, copying, and updates.
document.documentElement.classList.add('scripted')
startTimes()
startCopying()
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
