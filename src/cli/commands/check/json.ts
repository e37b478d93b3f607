import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { findingJson, incidentOfFinding } from '../../../format/check/finding.ts'
import { safeJson } from '../../../format/text.ts'
import { type CountDue, collectIncidents, type Incident, type Streak } from '../../../verdict/incidents.ts'
import type { TaskFinding } from '../../../verdict/judge.ts'

/** So many findings are packed together: there may be hundreds of thousands, and their texts are alike. */
const PACKED = 500

/** Yields the items of the array. The incident of a finding is not known before the last one is found. */
export async function* findingsJson(found: AsyncIterable<TaskFinding>, store: string, countDue: CountDue) {
  const { add, incidentsOfStreaks } = collectIncidents(countDue)
  const packs: Buffer[] = []
  const streaks: Streak[] = []
  let texts: string[] = []
  let failure: unknown = null
  const pack = () => packs.push(deflateRawSync(texts.join('\n'), { level: 1 }))
  try {
    for await (const finding of found) {
      streaks.push(add(finding))
      texts.push(safeJson(findingJson(finding, store)))
      if (texts.length < PACKED) continue
      pack()
      texts = []
    }
  } catch (error) {
    // The findings before the error are printed.
    failure = error
  }
  if (texts.length > 0) pack()
  const incidents = incidentsOfStreaks()
  const next = streaks.values()
  for (const packed of packs) {
    const items = inflateRawSync(packed).toString().split('\n')
    yield items.map((item) => withIncident(item, incidents.get(next.next().value as Streak))).join(',\n')
  }
  if (failure !== null) throw failure
}

function withIncident(item: string, incident: Incident | undefined): string {
  return incident === undefined ? item : `${item.slice(0, -1)},"incident":${safeJson(incidentOfFinding(incident))}}`
}
