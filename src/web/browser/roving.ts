/** A table can have thousands of links, and the Tab key stops at only a few of them. */
export function startRoving(): void {
  document.addEventListener('keydown', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    const table = link?.closest('[data-roving]')
    const row = link?.closest('tr')
    if (!link || !table || !row || event.altKey || event.metaKey) return
    const next = nextOf(event, link, row, table)
    if (next === undefined) return
    event.preventDefault()
    if (next.matches('.c')) {
      // The Tab key stops at this cell in place of the others of its row. A row that was left keeps its stop.
      for (const cell of next.closest('tr')?.querySelectorAll<HTMLAnchorElement>('a.c') ?? []) cell.tabIndex = -1
      next.tabIndex = 0
    }
    next.focus()
  })
}

function nextOf(
  { key, ctrlKey }: KeyboardEvent,
  link: HTMLAnchorElement,
  row: HTMLTableRowElement,
  table: Element,
): HTMLAnchorElement | undefined {
  const line = linksIn(row)
  const index = line.indexOf(link)
  switch (key) {
    case 'ArrowLeft':
      return line[index - 1]
    case 'ArrowRight':
      return line[index + 1]
    case 'Home':
      return (ctrlKey ? linksIn(table) : line)[0]
    case 'End':
      return (ctrlKey ? linksIn(table) : line).at(-1)
    case 'ArrowUp':
      return nearestIn(link, rowBeside(row, table, -1))
    case 'ArrowDown':
      return nearestIn(link, rowBeside(row, table, 1))
    default:
      return undefined
  }
}

/** Returns the links that are shown. A narrow screen hides the oldest slots. */
function linksIn(element: Element): HTMLAnchorElement[] {
  return [...element.querySelectorAll('a')].filter((link) => link.offsetParent !== null)
}

/** Returns the nearest row above (-1) or below (1) that has links. */
function rowBeside(row: HTMLTableRowElement, table: Element, step: -1 | 1): Element | undefined {
  const rows = [...table.querySelectorAll('tr')].filter((one) => linksIn(one).length > 0)
  return rows[rows.indexOf(row) + step]
}

function nearestIn(link: HTMLAnchorElement, row: Element | undefined): HTMLAnchorElement | undefined {
  const columnOf = (one: Element) => one.closest<HTMLTableCellElement>('th, td')?.cellIndex ?? 0
  const distanceOf = (one: Element) => Math.abs(columnOf(one) - columnOf(link))
  return row && linksIn(row).sort((one, other) => distanceOf(one) - distanceOf(other))[0]
}
