import { Idiomorph } from 'idiomorph'

/** The longest wait between two tries: a ledger that comes back is seen within half a minute. */
const LONGEST_WAIT_MS = 30_000
/** Longer than the server itself waits for the ledger by default. */
const ANSWER_MS = 45_000

/** Asks for the page again and again, and puts what has changed in its place. */
export function startLive(): void {
  let failures = 0
  let timer = 0
  let isAsking = false

  const plan = () => {
    clearTimeout(timer)
    const main = document.getElementById('main')
    const waitMs = Number(main?.dataset['pollMs'])
    // What the server asks for holds: only the waits between tries grow, and not past half a minute.
    if (waitMs > 0) timer = setTimeout(ask, Math.max(waitMs, Math.min(waitMs * 2 ** failures, LONGEST_WAIT_MS)))
  }

  const ask = async () => {
    // Nobody looks: the ledger is not asked. `visibilitychange` goes on.
    if (document.hidden || isAsking) return
    isAsking = true
    const problem = await refresh()
    isAsking = false
    failures = problem === null ? 0 : failures + 1
    emit(problem)
    plan()
  }

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void ask()
  })
  plan()
}

function emit(problem: string | null): void {
  const place = document.getElementById('connection')
  const text = problem === null ? '' : `${problem} What is shown is as of the time above; it is tried again.`
  if (place && place.textContent !== text) place.textContent = text
}

/** What is wrong, in a sentence; null: the page is as the ledger is. */
async function refresh(): Promise<string | null> {
  let answer: Document
  try {
    const response = await fetch(location.href, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) })
    answer = new DOMParser().parseFromString(await response.text(), 'text/html')
    if (response.status >= 500)
      return sentence(
        `${answer.querySelector('h1')?.textContent ?? 'The server has a problem'}: ${answer.getElementById('problem')?.textContent ?? response.status}`,
      )
  } catch {
    return 'The server (cronledger serve) cannot be reached.'
  }
  show(answer)
  return null
}

/** Some of what a ledger says ends with a full stop already. */
function sentence(text: string): string {
  return text.replace(/\.?$/, '.')
}

function show(answer: Document): void {
  const [main, other] = [document.getElementById('main'), answer.getElementById('main')]
  if (!main || !other) return
  const focused = document.activeElement?.getAttribute('href')
  Idiomorph.morph(main, other, {
    morphStyle: 'outerHTML',
    ignoreActiveValue: true,
    // What is the same is left alone, and so is what a person is filling in.
    callbacks: {
      beforeNodeMorphed: (before: Node, after: Node) => before.nodeName !== 'SEARCH' && !before.isEqualNode(after),
    },
  })
  document.title = answer.title
  const asOf = answer.getElementById('as-of')
  if (asOf) document.getElementById('as-of')?.replaceWith(asOf)
  // A new slot moves all cells on by one: the focus goes with its slot.
  if (focused && document.activeElement?.getAttribute('href') !== focused) {
    main.querySelector<HTMLElement>(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
  }
}
