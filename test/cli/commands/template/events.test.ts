// Which events of ECS and of CloudTrail send a mail. With EVENT_RULER, the class path of the compiled sources of aws/event-ruler and
// of Jackson, the matcher of EventBridge itself decides, too: javac needs about 3 seconds for it.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readTemplate } from '../../../support/aws/stack.ts'
import { type Loose, scratch } from '../../../support/cli.ts'

const ARN = 'arn:aws:ecs:eu-west-1:123456789012:task-definition'
const resources: Loose = readTemplate('ledger')['Resources']
/** The pattern of a rule of the ledger with the default parameters, or with MailEachTask=false. */
const patternOf = (rule: string, check = '') =>
  JSON.parse(
    JSON.stringify(resources[rule].Properties.EventPattern)
      .replaceAll(/\{"Sub":"[^"]*task-definition\/\$\{FamilyPrefix\}"\}/g, `"${ARN}/cronledger-"`)
      .replace(
        /\{"Sub":\["[^"]*task-definition\/\$\{FamilyPrefix\}\$\{Check\}",\{.*?\}\]\}/,
        `"${ARN}/cronledger-${check}"`,
      )
      .replaceAll('{"Ref":"FamilyPrefix"}', '"cronledger-"')
      .replaceAll('{"Ref":"Container"}', '"batch"'),
  )

/** The containers with their exit codes, null where there is none, and what else the event has. */
type Row = readonly [what: string, isSent: boolean, containers: Readonly<Record<string, number | null>>, other?: Loose]
const stopped = (stopCode: string) => ({ stopCode })

/**
 * The fields: "Amazon ECS task state change events" in the developer guide; the stop codes: Task in the API reference. In which
 * of these cases a container has no exit code is not documented.
 */
const STOPPED: readonly Row[] = [
  ['a batch that succeeded', false, { batch: 0 }],
  ['a batch that failed', true, { batch: 1 }],
  ['a refused trigger', true, { batch: 65 }],
  ['a ledger that was away', true, { batch: 75 }],
  ['a batch that the kernel killed', true, { batch: 137 }],
  ['a success beside the agent of GuardDuty', false, { 'aws-guardduty-agent-1': 137, batch: 0 }],
  ['a failure beside the agent of GuardDuty', true, { 'aws-guardduty-agent-1': 137, batch: 1 }],
  ['a success beside a sidecar that was stopped', false, { batch: 0, proxy: 143 }],
  ['an image that cannot be pulled', true, { batch: null }, stopped('TaskFailedToStart')],
  ['such an image beside a sidecar with a code', true, { batch: null, proxy: 0 }, stopped('TaskFailedToStart')],
  ['a lost host', true, { batch: null }, stopped('TerminationNotice')],
  ['a lost host, whose sidecar has a code', true, { proxy: 143, batch: null }, stopped('TerminationNotice')],
  ['a lost host, whose sidecar has the code 0', true, { batch: null, proxy: 0 }, stopped('TerminationNotice')],
  ['Spot, before the batch has a code', true, { batch: null, proxy: 0 }, stopped('SpotInterruption')],
  ['Spot, with a batch that was stopped', true, { batch: 143 }, stopped('SpotInterruption')],
  ['Spot, with a batch that succeeded in time', true, { batch: 0 }, stopped('SpotInterruption')],
  ['a task that a person stopped', true, { batch: 143 }, stopped('UserInitiated')],
  ['a task that a person stopped before the batch', true, { batch: null, proxy: 143 }, stopped('UserInitiated')],
  ['a task that was stopped by a service scheduler', true, { batch: null }, stopped('ServiceSchedulerInitiated')],
  ['a stop code that AWS adds later', true, { batch: null, proxy: 0 }, stopped('SomethingNew')],
  ['no code of any container', true, { batch: null }],
  ['no code and no stop code', true, { batch: null }, { stopCode: undefined }],
  // Not to be told from a sidecar that is stopped after the batch. The guide says so.
  ['an essential sidecar that failed before the batch began', false, { proxy: 1, batch: null }],
  ['the check that found something', true, { batch: 1 }, { taskDefinitionArn: `${ARN}/cronledger--check:3` }],
  ['the check that found nothing', false, { batch: 0 }, { taskDefinitionArn: `${ARN}/cronledger--check:3` }],
  ['a batch that still runs', false, { batch: null }, { lastStatus: 'RUNNING' }],
  ['a batch that stops', false, { batch: 1 }, { lastStatus: 'DEPROVISIONING' }],
  ['a task of others', false, { batch: 1 }, { taskDefinitionArn: `${ARN}/other-nightly:7` }],
  ['a task of another ledger', false, { batch: 1 }, { taskDefinitionArn: `${ARN}/cronledger2-nightly:7` }],
]
const FAILURES = { failures: [{ reason: 'Capacity is unavailable at this time.' }], tasks: [] }
const of = (taskDefinition: string) => ({ requestParameters: { taskDefinition } })
/** RunTask and its failures: "API failure reasons" and "Log Amazon ECS API calls using CloudTrail" in the developer guide. */
const CALLS: readonly (readonly [what: string, isSent: boolean, detail: Loose])[] = [
  ['RunTask without capacity, by the ARN', true, { responseElements: FAILURES }],
  ['RunTask without capacity, by the family', true, { responseElements: FAILURES, ...of('cronledger-nightly') }],
  ['RunTask that started a task', false, { responseElements: { failures: [], tasks: [{ taskArn: 'x' }] } }],
  ['RunTask that was throttled, and is retried', false, { errorCode: 'ThrottlingException', responseElements: null }],
  ['another call', false, { eventName: 'StartTask', responseElements: FAILURES }],
  ['RunTask of others', false, { responseElements: FAILURES, ...of('other:1') }],
]

interface Case {
  readonly what: string
  readonly isSent: boolean
  readonly event: Loose
  readonly pattern: Loose
}
const stoppedTask = (containers: Row[2], other: Loose = {}) => {
  const usual = { lastStatus: 'STOPPED', stopCode: 'EssentialContainerExited' }
  const list = Object.entries(containers).map(([name, exitCode]) => ({
    name,
    lastStatus: 'STOPPED',
    ...(exitCode !== null && { exitCode }),
  }))
  const detail = { ...usual, taskDefinitionArn: `${ARN}/cronledger-nightly:7`, containers: list, ...other }
  return JSON.parse(JSON.stringify({ source: 'aws.ecs', 'detail-type': 'ECS Task State Change', detail }))
}
const CASES: readonly Case[] = [
  ...STOPPED.flatMap(([what, isSent, containers, other]) => {
    const event = stoppedTask(containers, other)
    const isOfCheck = isSent && what.startsWith('the check')
    return [
      { what, isSent, event, pattern: patternOf('TaskStopped') },
      {
        what: `${what}, with MailEachTask=false`,
        isSent: isOfCheck,
        event,
        pattern: patternOf('TaskStopped', '-check:'),
      },
    ]
  }),
  ...CALLS.map(([what, isSent, detail]) => {
    const usual = { eventSource: 'ecs.amazonaws.com', eventName: 'RunTask', ...of(`${ARN}/cronledger-nightly:7`) }
    const event = { source: 'aws.ecs', 'detail-type': 'AWS API Call via CloudTrail', detail: { ...usual, ...detail } }
    return { what, isSent, event, pattern: patternOf('NotStarted') }
  }),
]

test.each(CASES)('$what: a mail is $isSent', ({ event, pattern, isSent }) => {
  expect(isMatch(event, pattern)).toBe(isSent)
})

const ruler = process.env['EVENT_RULER']
test.skipIf(ruler === undefined)('the matcher of EventBridge agrees (skipped without EVENT_RULER)', () => {
  const program = join(scratch(), 'Match.java')
  writeFileSync(program, MATCH)
  const input = JSON.stringify(CASES.map(({ event, pattern }) => ({ event, pattern })))
  const answers: boolean[] = JSON.parse(
    execFileSync(`${process.env['JAVA_HOME'] ?? '/usr'}/bin/java`, ['-cp', ruler ?? '', program], {
      input,
      encoding: 'utf8',
    }),
  )
  const different = CASES.filter(({ isSent }, index) => answers[index] !== isSent).map(({ what }) => what)
  expect([answers.length, different]).toEqual([CASES.length, []])
})

const MATCH = `import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import software.amazon.event.ruler.Machine;
public class Match {
  public static void main(String[] none) throws Exception {
    var answers = new ArrayList<Boolean>();
    for (var one : new ObjectMapper().readTree(System.in)) {
      var machine = new Machine();
      machine.addRule("rule", one.get("pattern").toString());
      answers.add(!machine.rulesForJSONEvent(one.get("event").toString()).isEmpty());
    }
    System.out.println(answers);
  }
}
`

/**
 * Returns whether EventBridge sends an event to a rule, for the patterns that are used here. All fields of an object must match in
 * one element of an array, and `exists: false` is about the whole event ("Event patterns" in the guide of EventBridge, and the page
 * of event-ruler).
 */
function isMatch(event: Loose, { $or, ...pattern }: Loose): boolean {
  const alternatives: readonly Loose[] = $or ?? [{}]
  return (
    alternatives.some((other) => Object.keys(other).length === 0 || isMatch(event, other)) &&
    Object.entries(pattern).every(([key, wanted]) => {
      const values: readonly unknown[] = [event[key] ?? []].flat()
      if (!Array.isArray(wanted)) {
        const isAbsent = ([name, list]: readonly [string, unknown]) =>
          JSON.stringify(list) === '[{"exists":false}]' && values.every((one) => !(name in (one as Loose)))
        const rest = Object.fromEntries(Object.entries(wanted).filter((entry) => !isAbsent(entry)))
        return values.some((value) => isMatch(value as Loose, rest))
      }
      return values.some((value) => wanted.some((one) => isValueMatch(value, one)))
    })
  )
}

function isValueMatch(value: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return value === wanted
  if ('prefix' in wanted) return String(value).startsWith(String(wanted.prefix))
  if ('exists' in wanted) return wanted.exists === true
  return 'anything-but' in wanted && ![wanted['anything-but']].flat().includes(value)
}
