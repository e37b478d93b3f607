const { spawn } = require('node:child_process')
const AWS = require('aws-sdk')
const { FailClosed } = require('dynamodb-lock-client')

const dynamodb = new AWS.DynamoDB.DocumentClient({ endpoint: process.env.AWS_ENDPOINT_URL_DYNAMODB })
const client = new FailClosed({ dynamodb, lockTable: 'locks', partitionKey: 'id', acquirePeriodMs: 10_000 })
client.acquireLock(process.env.BENCH_KEY, (error, lock) => {
  if (error) throw error
  spawn('true', { stdio: 'inherit' }).on('exit', (code) => {
    lock.release((error) => {
      if (error) throw error
      process.exit(code)
    })
  })
})
