/**
 * Takes the title away from the bar under the pointer, because the popover says the same. Without the script, the browser
 * shows the title.
 */
export function startPlots(): void {
  document.addEventListener('pointerover', ({ target }) => {
    if (target instanceof Element) target.closest('[data-facts]')?.querySelector('title')?.remove()
  })
}
