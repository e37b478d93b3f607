import { startLive } from './live.ts'
import { startRoving } from './roving.ts'
import { startSearch } from './search.ts'

// The pages work without this script. It adds the arrow keys, hints, the return of the focus, copying, and updates.
document.documentElement.classList.add('scripted')
startRoving()
startHints()
startReturn()
startCopying()
startSearch()
startLive()

/** Shows the name of the slot under the pointer or the focus. Screen readers read the link instead of this hint. */
function startHints(): void {
  const hint = document.createElement('p')
  hint.id = 'hint'
  hint.hidden = true
  hint.setAttribute('aria-hidden', 'true')
  document.body.append(hint)
  const show = (event: Event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>('a.c') : null
    const utc = link && new URL(link.href).searchParams.get('slot')
    hint.hidden = link === null
    hint.textContent = link === null ? '' : `${link.getAttribute('aria-label')}${utc ? ` · ${utc}` : ''}`
  }
  for (const name of ['focusin', 'pointerover'] as const) document.addEventListener(name, show)
}

/**
 * Puts the focus back on the link that a person followed with the keyboard, when they go back. Otherwise the focus
 * would be at the top of a page with thousands of links. The entry of the browser history stores the link.
 */
function startReturn(): void {
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLElement>('main a') : null
    const href = link?.getAttribute('href')
    // Enter makes a click whose `detail` is 0. After a click of a mouse, the position on the page that the browser
    // restores is enough.
    if (!link || !href || event.detail !== 0) return
    history.replaceState({ href, index: linksTo(href).indexOf(link) }, '')
  })
  const state: { readonly href?: unknown; readonly index?: unknown } | null = history.state
  const { href, index } = state ?? {}
  if (typeof href === 'string') linksTo(href)[Number(index)]?.focus()
}

/** Returns all links to an address. A slot may have a link on top of the page and one in its row. */
function linksTo(href: string): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(`main a[href="${CSS.escape(href)}"]`)]
}

/** Starts the buttons that copy a command. If the page cannot use the clipboard, they select the command instead. */
function startCopying(): void {
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>('button.copy') : null
    const code = button?.parentElement?.querySelector('code')
    if (!button || !code) return
    void copy(code).then((text) => {
      button.textContent = text
      // A screen reader reads a new status, but not the new name of a button.
      const status = document.getElementById('copied')
      if (status) status.textContent = text
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
