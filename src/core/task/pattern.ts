// Several tasks are written in one way everywhere: the begin of their names and a star, `pay/*`. A star alone: all tasks.

export function isTaskOf(wanted: string, task: string): boolean {
  return wanted.endsWith('*') ? task.startsWith(wanted.slice(0, -1)) : task === wanted
}

/** Returns whether a search finds the task: by a part of its name, or by a prefix. */
export function isFoundBy(search: string, task: string): boolean {
  const [wanted, name] = [search.toLowerCase(), task.toLowerCase()]
  return wanted.endsWith('*') ? isTaskOf(wanted, name) : name.includes(wanted)
}

/** Returns whether a search by owner (`--owner`) finds the task: by a part of its owner, in upper or lower case. */
export function isOwnedBy(search: string, owner = ''): boolean {
  return owner.toLowerCase().includes(search.toLowerCase())
}

/** Returns the tasks that `task` comes after (`--after`): a prefix stands for those of `tasks` that have it, without `task`. */
export function tasksAfter(after: readonly string[], task: string, tasks: Iterable<string>): readonly string[] {
  const known = [...tasks].filter((one) => one !== task)
  return [...new Set(after.flatMap((name) => (name.endsWith('*') ? known.filter((one) => isTaskOf(name, one)) : name)))]
}
