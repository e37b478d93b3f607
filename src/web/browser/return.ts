/**
 * Puts the focus back on the link that a person followed with the keyboard, when they go back. Otherwise the focus
 * would be at the top of a page with thousands of links. The entry of the browser history stores the link.
 */
export function startReturn(): void {
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
