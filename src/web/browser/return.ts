/** Back, with the keys, leads to the link that led away and not to the top of thousands. The history's own entry holds it. */
export function startReturn(): void {
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLElement>('main a') : null
    const href = link?.getAttribute('href')
    // Enter makes a click without a button. A mouse has its place on the screen, which the browser finds again.
    if (!link || !href || event.detail !== 0) return
    history.replaceState({ href, index: linksTo(href).indexOf(link) }, '')
  })
  const { href, index } = (history.state ?? {}) as { readonly href?: unknown; readonly index?: unknown }
  if (typeof href === 'string') linksTo(href)[Number(index)]?.focus()
}

/** A slot may be named on top of the page and in its row. */
function linksTo(href: string): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(`main a[href="${CSS.escape(href)}"]`)]
}
