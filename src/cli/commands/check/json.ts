import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { findingJson, incidentOfFinding } from '../../../format/check/finding.ts'
import { safeJson } from '../../../format/text.ts'
import { type CountDue, collectIncidents, type Incident, type Streak } from '../../../verdict/incidents.ts'
import { type FindingKind, isFinding, type JudgedSlot, type TaskFinding } from '../../../verdict/judge.ts'
import { repairOf } from '../../../verdict/repairs.ts'

/** So many findings are packed together: there may be hundreds of thousands, and their texts are alike. */
const PACKED = 500

/** Prepares the items of the array. An incident has the repaired slots, too, so that its id is that of the digest. */
export function openFindingsJson(store: string, countDue: CountDue, status: readonly FindingKind[] | undefined) {
  const { add, incidentsOfStreaks } = collectIncidents(countDue)
  const streakOf = new WeakMap<TaskFinding, Streak>()
  const isWanted = ({ kind }: TaskFinding) => status?.includes(kind) !== false
  return {
    emitSlot(one: JudgedSlot): void {
      if (isFinding(one)) {
        if (isWanted(one)) streakOf.set(one, add(one))
        return
      }
      const repair = repairOf(one)
      if (repair !== null && isWanted(repair.found)) add(repair.found, repair.endedAt)
    },
    /** Yields the items. The incident of a finding is not known before the last one is found. */
    async *items(found: AsyncIterable<TaskFinding>) {
      const packs: Buffer[] = []
      const streaks: (Streak | undefined)[] = []
      const texts: string[] = []
      const pack = () => packs.push(deflateRawSync(texts.splice(0).join('\n'), { level: 1 }))
      const failure = await readAll(found, (finding) => {
        streaks.push(streakOf.get(finding))
        if (texts.push(safeJson(findingJson(finding, store))) === PACKED) pack()
      })
      if (texts.length > 0) pack()
      const incidents = incidentsOfStreaks()
      const next = streaks.values()
      for (const packed of packs) {
        const items = inflateRawSync(packed).toString().split('\n')
        yield items.map((item) => withIncident(item, incidents.get(next.next().value as Streak))).join(',\n')
      }
      if (failure !== null) throw failure
    },
  }
}

/** Returns the error that ended it, or null: the findings before it are printed first. */
export async function readAll(
  found: AsyncIterable<TaskFinding>,
  add: (finding: TaskFinding) => void,
): Promise<unknown> {
  try {
    for await (const finding of found) add(finding)
    return null
  } catch (error) {
    return error
  }
}

function withIncident(item: string, incident: Incident | undefined): string {
  return incident === undefined ? item : `${item.slice(0, -1)},"incident":${safeJson(incidentOfFinding(incident))}}`
}
