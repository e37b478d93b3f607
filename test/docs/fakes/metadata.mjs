// The metadata endpoint of a container on ECS, for the examples of a guide. Writes its address into the file of its
// first argument.
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'

const ID = '4f2c91d07b3e4c5f8a6d1e0b9c8a7f65'
const container = {
  Name: 'batch',
  LogDriver: 'awslogs',
  LogOptions: {
    'awslogs-group': '/ecs/cronledger-nightly',
    'awslogs-region': 'ap-northeast-1',
    'awslogs-stream': `cronledger/batch/${ID}`,
  },
  Networks: [{ NetworkMode: 'awsvpc' }],
}
const task = {
  Cluster: 'batch',
  TaskARN: `arn:aws:ecs:ap-northeast-1:123456789012:task/batch/${ID}`,
  Family: 'cronledger-nightly',
  Revision: '7',
  LaunchType: 'FARGATE',
}

const server = createServer(({ url }, response) => response.end(JSON.stringify(url === '/task' ? task : container)))
server.listen(0, '127.0.0.1', () => writeFileSync(process.argv[2], `http://127.0.0.1:${server.address().port}`))
