import { STATUSES } from '../../core/types.ts'
import type { TaskHealth } from '../../verdict/judge.ts'

// https://prometheus.io/docs/specs/om/open_metrics_spec/. The text must also be valid in the older text format of
// Prometheus, because node_exporter reads only that. It has no state sets and no units, and takes lines with `#` that it
// does not know as comments. So each family is a gauge.

interface FamilyHead {
  readonly name: string
  readonly help: string
  readonly unit?: string
}

interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

const FINDINGS_OF_TASK = { name: 'cronledger_findings', help: 'How many slots need attention, by kind.' }

const FAMILIES: readonly (FamilyHead & { samples(health: TaskHealth): readonly Sample[] })[] = [
  {
    name: 'cronledger_last_success_timestamp_seconds',
    help: 'When the newest attempt that succeeded ended. Absent if none succeeded in the range of the check.',
    unit: 'seconds',
    samples: ({ lastSuccessAt }) => (lastSuccessAt === null ? [] : [{ value: lastSuccessAt / 1_000 }]),
  },
  {
    name: 'cronledger_last_duration_seconds',
    help: 'How long the attempt took that succeeded last. Absent if none succeeded in the range of the check.',
    unit: 'seconds',
    samples: ({ lastDurationMs }) => (lastDurationMs === null ? [] : [{ value: lastDurationMs / 1_000 }]),
  },
  {
    name: 'cronledger_next_slot_timestamp_seconds',
    help: 'The next slot that is expected. Absent if there is none.',
    unit: 'seconds',
    samples: ({ next }) => (next === null ? [] : [{ value: next / 1_000 }]),
  },
  {
    name: 'cronledger_duplicates',
    help: 'How many duplicate triggers were rejected in the slots of the range of the check.',
    samples: ({ duplicates }) => [{ value: duplicates }],
  },
  {
    name: 'cronledger_task_owner',
    help: 'Always 1, with the owner as a label. Absent if the runs of the task state none.',
    samples: ({ owner }) => (owner === undefined ? [] : [{ labels: { owner }, value: 1 }]),
  },
  {
    name: 'cronledger_task_status',
    help: 'The status of the newest slot that was due: 1 for that status, and 0 for the others.',
    samples: ({ status }) => STATUSES.map((name) => ({ labels: { status: name }, value: name === status ? 1 : 0 })),
  },
  {
    name: 'cronledger_reported',
    help: 'The numbers that the batch of the newest completed slot reported, by their name.',
    samples: ({ facts }) =>
      Object.entries(facts).flatMap(([fact, value]) =>
        typeof value === 'number' ? [{ labels: { fact }, value }] : [],
      ),
  },
  {
    ...FINDINGS_OF_TASK,
    samples: ({ findings }) => Object.entries(findings).map(([kind, value]) => ({ labels: { kind }, value })),
  },
]

/** The samples of a family must be together, so memory holds a few numbers of each task. */
export async function* healthMetrics(tasks: AsyncIterable<TaskHealth>): AsyncGenerator<string, void, undefined> {
  const all: TaskHealth[] = []
  for await (const health of tasks) all.push(health)
  for (const family of FAMILIES) {
    yield headText(family)
    for (const health of all) yield samplesText(family, family.samples(health), { task: health.task })
  }
  yield END
}

export interface SharedFindings {
  readonly ageMs: number
  readonly tasks: number
  readonly unreadable: number
  readonly byTask: ReadonlyMap<string, ReadonlyMap<string, number>>
}

export function findingsMetrics({ ageMs, tasks, unreadable, byTask }: SharedFindings): string {
  const families: readonly (FamilyHead & { readonly samples: readonly Sample[] })[] = [
    {
      name: 'cronledger_findings_age_seconds',
      help: 'How long ago the ledger was read for these numbers.',
      unit: 'seconds',
      samples: [{ value: ageMs / 1_000 }],
    },
    { name: 'cronledger_tasks', help: 'How many tasks were looked at.', samples: [{ value: tasks }] },
    {
      name: 'cronledger_tasks_unreadable',
      help: 'How many tasks could not be checked, so that their findings are not known.',
      samples: [{ value: unreadable }],
    },
    {
      ...FINDINGS_OF_TASK,
      samples: [...byTask].flatMap(([task, kinds]) =>
        [...kinds].map(([kind, value]) => ({ labels: { task, kind }, value })),
      ),
    },
  ]
  return `${families.map((family) => `${headText(family)}${samplesText(family, family.samples)}`).join('')}${END}`
}

const END = '# EOF\n'

function headText({ name, help, unit }: FamilyHead): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${unit === undefined ? '' : `# UNIT ${name} ${unit}\n`}`
}

function samplesText({ name }: FamilyHead, samples: readonly Sample[], common: Sample['labels'] = {}): string {
  return samples.map(({ labels, value }) => `${name}${labelsText({ ...common, ...labels })} ${value}\n`).join('')
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return texts.length === 0 ? '' : `{${texts.join(',')}}`
}

function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}
