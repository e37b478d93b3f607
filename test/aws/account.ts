export const TABLE = required('CRONLEDGER_TEST_TABLE')

export const RUN = required('CRONLEDGER_TEST_RUN')

/** How long a read that is eventually consistent may lag. It is mostly below a second. */
export const LAG_MS = 60_000

/** The variables of this machine that the AWS SDK reads. The other tests never pass them on. */
export const AWS_ENV: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    /^(AWS|ECS)_/.test(name) && value !== undefined ? [[name, value]] : [],
  ),
)

function required(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set. Start these tests by: npm run test:aws`)
  return value
}
