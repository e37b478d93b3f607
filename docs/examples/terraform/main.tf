# Deploys the templates of cronledger with Terraform, as CloudFormation stacks. In this folder:
#   cronledger template ledger >ledger.yaml
#   cronledger template batch >batch.yaml
#   terraform apply -target aws_cloudformation_stack.ledger
#   aws cloudformation describe-stacks --stack-name cronledger >outputs.json
#   cronledger template parameters --store dynamodb:cronledger --task nightly --schedule '0 3 * * *' \
#     --timezone Asia/Tokyo --outputs outputs.json --parameters 'Image=… Command=… Cluster=… Subnets=…' >nightly.json
#   terraform apply

locals {
  # One name for each batch. Print its parameters again after a change of its schedule.
  batches = toset(["nightly"])
}

resource "aws_cloudformation_stack" "ledger" {
  name          = "cronledger"
  template_body = file("${path.module}/ledger.yaml")
  parameters    = { AlarmEmail = "ops@example.org" }
  capabilities  = ["CAPABILITY_IAM"]
}

resource "aws_cloudformation_stack" "batch" {
  for_each      = local.batches
  name          = each.key
  template_body = file("${path.module}/batch.yaml")
  parameters    = jsondecode(file("${path.module}/${each.key}.json")).Parameters
  capabilities  = ["CAPABILITY_IAM"]
  depends_on    = [aws_cloudformation_stack.ledger]
}
