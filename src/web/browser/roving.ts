/**
 * Makes the arrow keys move between the links of a grid. A grid can have thousands of links, and the Tab key stops at
 * only a few of them.
 */
export function startRoving(): void {
  document.addEventListener('keydown', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    const grid = link?.closest('[data-roving]')
    if (!link || !grid || event.altKey || event.metaKey) return
    const next = nextOf(event, link, grid)
    if (next === undefined) return
    event.preventDefault()
    moveStop(next, grid)
    next.focus()
  })
}

/** Makes the Tab key stop at this cell in place of the other cells of its row. A row that was left keeps its stop. */
function moveStop(next: HTMLAnchorElement, grid: Element): void {
  // The name of a task is a link too. It has a stop of its own.
  if (!next.matches('.c')) return
  for (const cell of scopeOf(next, grid).querySelectorAll<HTMLAnchorElement>('a.c')) cell.tabIndex = -1
  next.tabIndex = 0
}

/** Returns the cells with one Tab stop: the row of a table, or the whole calendar. */
function scopeOf(link: Element, grid: Element): Element {
  return (grid instanceof HTMLTableElement ? link.closest('tr') : null) ?? grid
}

function nextOf(
  { key, ctrlKey }: KeyboardEvent,
  link: HTMLAnchorElement,
  grid: Element,
): HTMLAnchorElement | undefined {
  const row = link.closest('tr')
  if (row === null) return undefined
  // In a table, Left and Right stay in the row. In a calendar, they go on from month to month.
  const line = linksIn(scopeOf(link, grid))
  const index = line.indexOf(link)
  switch (key) {
    case 'ArrowLeft':
      return line[index - 1]
    case 'ArrowRight':
      return line[index + 1]
    case 'Home':
      return ctrlKey ? linksIn(grid)[0] : linksIn(row)[0]
    case 'End':
      return (ctrlKey ? linksIn(grid) : linksIn(row)).at(-1)
    case 'ArrowUp':
      return inRow(link, row, grid, -1)
    case 'ArrowDown':
      return inRow(link, row, grid, 1)
    default:
      return undefined
  }
}

/** Returns the links that are shown. A narrow screen hides the oldest slots. */
function linksIn(element: Element): HTMLAnchorElement[] {
  return [...element.querySelectorAll('a')].filter((link) => link.offsetParent !== null)
}

/** Returns the link that is closest to the same column, in the nearest row above or below that has links. */
function inRow(
  link: HTMLAnchorElement,
  row: HTMLTableRowElement,
  grid: Element,
  step: 1 | -1,
): HTMLAnchorElement | undefined {
  const rows = [...grid.querySelectorAll('tr')]
  const at = columnOf(link)
  for (let index = rows.indexOf(row) + step; ; index += step) {
    const other = rows[index]
    if (other === undefined) return undefined
    const links = linksIn(other).map((one) => ({ one, distance: Math.abs(columnOf(one) - at) }))
    const nearest = links.sort((left, right) => left.distance - right.distance)[0]
    if (nearest !== undefined) return nearest.one
  }
}

function columnOf(link: HTMLAnchorElement): number {
  const { left, width } = link.getBoundingClientRect()
  return left + width / 2 - (link.closest('table')?.getBoundingClientRect().left ?? 0)
}
