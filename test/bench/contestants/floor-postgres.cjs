// The floor of a ledger in PostgreSQL: two statements by the driver, and the batch between them.
const pg = require('pg')
const { startThread } = require('./child.cjs')

const { BENCH_SERVER, BENCH_KEY } = process.env
const client = new pg.Client({ host: BENCH_SERVER, user: 'bench', database: 'postgres' })

async function main() {
  const runChild = startThread()
  await client.connect()
  await client.query('INSERT INTO locks VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id', [BENCH_KEY, 'PENDING'])
  const code = await runChild()
  await client.query("UPDATE locks SET state = $2 WHERE id = $1 AND state = 'PENDING'", [BENCH_KEY, 'COMPLETED'])
  await client.end()
  process.exit(code)
}
main()
