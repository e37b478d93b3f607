// Deploys the templates of cronledger with the CDK. In this folder:
//   npm install aws-cdk-lib constructs
//   npx cronledger template ledger >ledger.yaml
//   npx cronledger template batch >batch.yaml
//   npx cdk deploy --app 'node app.mjs' ledger
//   aws cloudformation describe-stacks --stack-name ledger >outputs.json
//   npx cronledger template parameters --store dynamodb:cronledger --task nightly --schedule '0 3 * * *' \
//     --timezone Asia/Tokyo --outputs outputs.json --parameters 'Image=… Command=… Cluster=… Subnets=…' >nightly.json
//   npx cdk deploy --app 'node app.mjs' nightly
import { existsSync, readFileSync } from 'node:fs'
import { App, Stack } from 'aws-cdk-lib'
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include'

const app = new App()

/** Includes the template as it is. Its parameters get these values, so that a deployment never keeps an old one. */
function include(name, templateFile, values) {
  const types = new CfnInclude(new Stack(), 'Types', { templateFile })
  const isList = (parameter) => types.getParameter(parameter).type === 'CommaDelimitedList'
  const entries = Object.entries(values).map(([key, value]) => [key, isList(key) ? value.split(',') : value])
  new CfnInclude(new Stack(app, name), 'Template', { templateFile, parameters: Object.fromEntries(entries) })
}

include('ledger', 'ledger.yaml', { AlarmEmail: 'ops@example.org' })
// Print the parameters of a batch again after a change of its schedule.
for (const batch of ['nightly'])
  if (existsSync(`${batch}.json`))
    include(batch, 'batch.yaml', JSON.parse(readFileSync(`${batch}.json`, 'utf8')).Parameters)

app.synth()
