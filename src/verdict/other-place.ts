import type { OtherPlace } from '../core/row/other-place.ts'

const NAMES: Readonly<Record<OtherPlace['what'], string>> = {
  account: 'AWS account',
  cluster: 'ECS cluster',
  family: 'task definition family',
}

/** Such as `the attempt is of AWS account 1, and this trigger of AWS account 2`. */
export function otherPlaceText({ what, winner, trigger }: OtherPlace, ofTrigger = 'this trigger'): string {
  return `the attempt is of ${NAMES[what]} ${winner}, and ${ofTrigger} of ${NAMES[what]} ${trigger}`
}
