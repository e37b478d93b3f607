import { spawnSync } from 'node:child_process'
import PgBoss from 'pg-boss'

const { BENCH_PLACE, BENCH_KEY } = process.env
const boss = new PgBoss({ host: BENCH_PLACE, user: 'bench', database: 'postgres', supervise: false, schedule: false })
await boss.start()
await boss.createQueue('batch')
await boss.send('batch', {}, { singletonKey: BENCH_KEY, singletonSeconds: 3_600 })
const [job] = await boss.fetch('batch')
const { status } = spawnSync('sh', ['-c', ': > "$BENCH_STARTED"'], { stdio: 'inherit' })
await boss.complete('batch', job.id)
await boss.stop({ graceful: false })
process.exit(status)
