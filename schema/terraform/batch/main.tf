# One scheduled batch on ECS Fargate: its schedule, task definition, roles, log group and alarms. It makes the same resources as
# batch.yaml, and a test compares both. The resources that all batches share are in the module of the ledger.
# Guide: docs/guides/cdk-and-terraform.md.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
  }
}

variable "parameters" {
  description = "The member Parameters of what `cronledger template parameters --computed` printed for this batch."
  type = object({
    Task               = string
    Family             = string
    Schedule           = string
    Timezone           = string
    Anchor             = string
    ScheduleExpression = string
    StartDate          = string
    NoRunHours         = string
    FlexibleMinutes    = optional(string, "0")
    Environment        = optional(map(string), {})
  })
}

variable "ledger" {
  description = "The module of the ledger, or values of the same names."
  type = object({
    table          = string
    table_key      = optional(string)
    schedule_group = string
    scheduler_role = string
    dead_letters   = string
    alarm_topics   = list(string)
    state_machines = optional(list(string), [])
    family_prefix  = optional(string, "cronledger-")
    container      = optional(string, "batch")
  })
}

variable "image" {
  description = "Image of the batch, which contains cronledger."
  type        = string
  validation {
    condition     = can(regex("^(?:\\S+)$", var.image))
    error_message = "image is empty or has a space."
  }
}

variable "command" {
  description = "Words of the command of the batch. The entrypoint and the command of the image are not used."
  type        = list(string)
  validation {
    condition     = try(length(var.command[0]) > 0, false)
    error_message = "command has no first word. Give the words of the command."
  }
}

variable "cluster" {
  description = "ARN of the ECS cluster."
  type        = string
}

variable "subnets" {
  description = "Ids of the subnets. Give two in different Availability Zones, in case one has no capacity."
  type        = list(string)
  validation {
    condition     = alltrue([for id in var.subnets : can(regex("^(?:subnet-[0-9a-z]+)$", id))])
    error_message = "subnets has something that is not the id of a subnet."
  }
  validation {
    condition     = length(var.subnets) <= 16 && length(var.subnets) == length(distinct(var.subnets))
    error_message = "subnets has an id twice, or more than 16. A task can have at most 16."
  }
}

variable "security_groups" {
  description = "Ids of the security groups. Empty for the default group of the VPC."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for id in var.security_groups : can(regex("^(?:|sg-[0-9a-z]+)$", id))])
    error_message = "security_groups has something that is not the id of a group."
  }
  validation {
    condition     = length(var.security_groups) <= 5 && length(var.security_groups) == length(distinct(var.security_groups))
    error_message = "security_groups has an id twice, or more than 5. A task can have at most 5."
  }
}

variable "assign_public_ip" {
  description = "True in public subnets, where a task has no other way to the registry of the image."
  type        = bool
  default     = false
}

variable "after" {
  description = "Names of the tasks whose slots must have completed before the batch starts (--after). imp/* is a prefix."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for task in var.after : can(regex("^(?:|[*]|[A-Za-z0-9][A-Za-z0-9._/-]{0,127}[*]?)$", task))])
    error_message = "after has something that is not the name of a task."
  }
}

variable "schedule_state" {
  description = "DISABLED for no triggers. To stop a batch for some time, use cronledger pause."
  type        = string
  default     = "ENABLED"
  validation {
    condition     = contains(["ENABLED", "DISABLED"], var.schedule_state)
    error_message = "schedule_state must be ENABLED or DISABLED."
  }
}

variable "environment_files" {
  description = "ARNs of files NAME.env in S3 with the environment variables of the batch."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for arn in var.environment_files : can(regex("^(?:|arn:[^:]+:s3:::[^/]+/.+[.]env)$", arn))])
    error_message = "environment_files must have ARNs of files NAME.env in S3."
  }
}

variable "environment" {
  description = "Variables of the batch. Options of cronledger are in `parameters`."
  type        = map(string)
  default     = {}
  validation {
    condition     = alltrue([for name in keys(var.environment) : !can(regex("^CRONLEDGER_", name))])
    error_message = "environment has a variable whose name begins with CRONLEDGER_. Give it to template parameters, which checks it: --parameters CatchUp=3d, or Variables=CRONLEDGER_MAX_LATENESS=6h."
  }
  validation {
    condition     = alltrue([for name in keys(var.environment) : !can(regex("^(?:PATH|HOSTNAME|AWS_REGION|AWS_DEFAULT_REGION|AWS_EXECUTION_ENV|AWS_CONTAINER_.+|ECS_.+)$", name))])
    error_message = "environment has a variable that ECS or the image sets. Leave it out."
  }
}

variable "secrets" {
  description = "Variables of the batch, with the ARNs of their secrets in Secrets Manager (also ARN:KEY::) or Parameter Store."
  type        = map(string)
  default     = {}
  validation {
    condition     = alltrue([for name in keys(var.secrets) : !can(regex("^CRONLEDGER_", name))])
    error_message = "secrets has a variable whose name begins with CRONLEDGER_. Leave it out."
  }
  validation {
    condition     = alltrue([for name in keys(var.secrets) : !can(regex("^(?:PATH|HOSTNAME|AWS_REGION|AWS_DEFAULT_REGION|AWS_EXECUTION_ENV|AWS_CONTAINER_.+|ECS_.+)$", name))])
    error_message = "secrets has a variable that ECS or the image sets. Leave it out."
  }
  validation {
    condition     = alltrue([for arn in values(var.secrets) : !can(regex(":secretsmanager:", arn)) || contains([7, 10], length(split(":", arn)))])
    error_message = "An ARN of secrets is not complete. After the name of the secret, use nothing or :KEY::, with both colons."
  }
}

variable "decrypt_keys" {
  description = "ARNs of the customer managed keys of the files and the secrets."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for arn in var.decrypt_keys : can(regex("^(?:|arn:[^:]+:kms:[^:]+:\\d+:key/.+)$", arn))])
    error_message = "decrypt_keys must have ARNs of keys."
  }
}

variable "roles" {
  description = "ARNs of roles of yours, as `task` and `execution`, which must be in batch_roles of the ledger. Others are made."
  type        = map(string)
  default     = {}
  validation {
    condition     = alltrue([for name in keys(var.roles) : contains(["task", "execution"], name)])
    error_message = "roles has a name other than task and execution."
  }
  validation {
    condition     = alltrue([for arn in values(var.roles) : can(regex("^(?:|arn:[^:]+:iam::\\d+:role/.+)$", arn))])
    error_message = "roles must have ARNs of roles."
  }
}

variable "task_policies" {
  description = "ARNs of the policies that the batch itself needs, for the role that is made."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for arn in var.task_policies : can(regex("^(?:|arn:[^:]+:iam::(aws|\\d+):policy/.+)$", arn))])
    error_message = "task_policies must have ARNs of policies."
  }
  validation {
    condition     = length(var.task_policies) <= 10 && length(var.task_policies) == length(distinct(var.task_policies))
    error_message = "task_policies has an ARN twice, or more than 10. AWS allows at most 10 for a role."
  }
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the roles that are made."
  type        = string
  default     = null
  validation {
    condition     = var.permissions_boundary == null || can(regex("^(?:|arn:[^:]+:iam::(aws|\\d+):policy/.+)$", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of a policy."
  }
}

variable "cpu" {
  description = "CPU units of the task."
  type        = number
  default     = 256
  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "Fargate does not have this cpu. Use one of 256, 512, 1024, 2048, 4096, 8192, 16384."
  }
}

variable "memory" {
  description = "Memory of the task in MiB. Fargate allows some values for each number of CPU units."
  type        = number
  default     = 512
}

variable "ephemeral_storage" {
  description = "Disk of the task in GiB, more than 20. Null for 20."
  type        = number
  default     = null
  validation {
    condition     = var.ephemeral_storage == null || try(var.ephemeral_storage > 20 && var.ephemeral_storage <= 200, false)
    error_message = "ephemeral_storage must be 21 to 200, or null for 20."
  }
}

variable "architecture" {
  description = "Architecture of the image, X86_64 or ARM64."
  type        = string
  default     = "X86_64"
  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture must be X86_64 or ARM64."
  }
}

variable "platform_version" {
  description = "Platform version of Fargate."
  type        = string
  default     = "LATEST"
  validation {
    condition     = can(regex("^(?:LATEST|1\\.[4-9]\\.\\d+|[2-9]\\.\\d+\\.\\d+)$", var.platform_version))
    error_message = "platform_version must be LATEST or one from 1.4.0."
  }
}

variable "capacity_provider" {
  description = "Capacity provider of the cluster. An interruption of FARGATE_SPOT fails the slot, which nothing starts again."
  type        = string
  default     = null
  validation {
    condition     = var.capacity_provider == null || try(contains(["FARGATE", "FARGATE_SPOT"], var.capacity_provider), false)
    error_message = "capacity_provider must be FARGATE or FARGATE_SPOT."
  }
}

variable "readonly_root" {
  description = "True for a file system that cannot be written, except for an empty folder /tmp."
  type        = bool
  default     = false
}

variable "log_format" {
  description = "Form of the log of cronledger, text for people or json for programs."
  type        = string
  default     = "text"
  validation {
    condition     = contains(["text", "json"], var.log_format)
    error_message = "log_format must be text or json."
  }
}

variable "log_retention" {
  description = "For how many days the log is kept."
  type        = number
  default     = 90
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention)
    error_message = "CloudWatch Logs does not have this log_retention. Use a number of days from its list, such as 30, 90 or 365."
  }
}

variable "log_key" {
  description = "ARN of the customer managed key of the log group, whose policy must allow CloudWatch Logs."
  type        = string
  default     = null
  validation {
    condition     = var.log_key == null || can(regex("^(?:|arn:[^:]+:kms:[^:]+:\\d+:key/.+)$", var.log_key))
    error_message = "log_key must be the ARN of a key."
  }
}

variable "metrics" {
  description = "False for no metrics and no alarms on them, which cost money for each batch. The exit code still sends a message."
  type        = bool
  default     = true
}

variable "alarm_on_duplicates" {
  description = "True for an alarm about duplicates, which need no action."
  type        = bool
  default     = false
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  batch                = var.parameters
  account              = data.aws_caller_identity.current.account_id
  partition            = data.aws_partition.current.partition
  region               = data.aws_region.current.region
  table_region         = startswith(var.ledger.table, "arn:") ? split(":", var.ledger.table)[3] : local.region
  table_arn            = startswith(var.ledger.table, "arn:") ? var.ledger.table : "arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.ledger.table}"
  makes_task_role      = !contains(keys(var.roles), "task")
  makes_execution_role = !contains(keys(var.roles), "execution")
  task_role            = local.makes_task_role ? aws_iam_role.task[0].arn : var.roles["task"]
  execution_role       = local.makes_execution_role ? aws_iam_role.execution[0].arn : var.roles["execution"]
  check                = "AWS_REGION=${local.region} cronledger check --store dynamodb:${var.ledger.table} --task ${local.batch.Task}"
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "task_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

# By their path, the policies of the ledger know the roles of batches.
resource "aws_iam_role" "task" {
  count                = local.makes_task_role ? 1 : 0
  path                 = "/cronledger/"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.task_trust.json
}

resource "aws_iam_role_policy_attachment" "task" {
  count      = local.makes_task_role ? length(var.task_policies) : 0
  role       = aws_iam_role.task[0].name
  policy_arn = var.task_policies[count.index]
}

data "aws_iam_policy_document" "runner" {
  statement {
    sid       = "Table"
    actions   = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:GetItem", "dynamodb:Query"]
    resources = [local.table_arn]
    # Everything of a task is in its own partition of the table.
    condition {
      test     = "ForAllValues:StringEquals"
      variable = "dynamodb:LeadingKeys"
      values   = [local.batch.Task]
    }
  }
  dynamic "statement" {
    for_each = length(var.after) > 0 ? [1] : []
    content {
      sid       = "After"
      actions   = ["dynamodb:GetItem", "dynamodb:Query"]
      resources = [local.table_arn]
      condition {
        test     = "ForAllValues:StringLike"
        variable = "dynamodb:LeadingKeys"
        values   = var.after
      }
    }
  }
  # A prefix stands for the tasks that the ledger lists.
  dynamic "statement" {
    for_each = length(split("*", join(",", var.after))) > 1 ? [1] : []
    content {
      sid       = "AfterPrefix"
      actions   = ["dynamodb:Query"]
      resources = ["${local.table_arn}/index/by-day"]
      condition {
        test     = "ForAllValues:StringEquals"
        variable = "dynamodb:LeadingKeys"
        values   = ["#task"]
      }
    }
  }
  # DynamoDB uses a customer managed key in the name of the caller.
  dynamic "statement" {
    for_each = var.ledger.table_key == null ? [] : [1]
    content {
      sid       = "Key"
      actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      resources = [var.ledger.table_key]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["dynamodb.${local.table_region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role_policy" "runner" {
  count  = local.makes_task_role ? 1 : 0
  name   = "runner"
  role   = aws_iam_role.task[0].name
  policy = data.aws_iam_policy_document.runner.json
}

# This role pulls the image, reads the environment files and the secrets, and writes the log.
resource "aws_iam_role" "execution" {
  count                = local.makes_execution_role ? 1 : 0
  path                 = "/cronledger/"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy_attachment" "execution" {
  count      = local.makes_execution_role ? 1 : 0
  role       = aws_iam_role.execution[0].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

data "aws_iam_policy_document" "read" {
  dynamic "statement" {
    for_each = length(var.environment_files) > 0 ? [1] : []
    content {
      sid       = "File"
      actions   = ["s3:GetObject"]
      resources = var.environment_files
    }
  }
  dynamic "statement" {
    for_each = length(var.environment_files) > 0 ? [1] : []
    content {
      sid       = "Bucket"
      actions   = ["s3:GetBucketLocation"]
      resources = [for file in var.environment_files : split("/", file)[0]]
    }
  }
  dynamic "statement" {
    for_each = length(var.secrets) > 0 ? [1] : []
    content {
      sid     = "Secrets"
      actions = ["secretsmanager:GetSecretValue", "ssm:GetParameters"]
      # After the name of a secret, an ARN may have a key of its JSON, a stage and a version, which a policy does not have.
      resources = [for arn in values(var.secrets) : join(":", slice(split(":", arn), 0, min(7, length(split(":", arn)))))]
    }
  }
  dynamic "statement" {
    for_each = length(var.decrypt_keys) > 0 ? [1] : []
    content {
      sid       = "Keys"
      actions   = ["kms:Decrypt"]
      resources = var.decrypt_keys
    }
  }
}

resource "aws_iam_role_policy" "read" {
  count  = local.makes_execution_role && length(var.environment_files) + length(var.secrets) + length(var.decrypt_keys) > 0 ? 1 : 0
  name   = "read"
  role   = aws_iam_role.execution[0].name
  policy = data.aws_iam_policy_document.read.json
}

# The log is evidence, so it stays when the batch is removed. Its name ends with a random part, so a later one does not meet it.
resource "aws_cloudwatch_log_group" "batch" {
  name_prefix       = "/ecs/${local.batch.Family}/"
  retention_in_days = var.log_retention
  kms_key_id        = var.log_key
  skip_destroy      = true
}

locals {
  # For each number of CPU units, the memory that Fargate has: the least, the most and the step, in MiB.
  sizes = {
    256   = [512, 2048, 512]
    512   = [1024, 4096, 1024]
    1024  = [2048, 8192, 1024]
    2048  = [4096, 16384, 1024]
    4096  = [8192, 30720, 1024]
    8192  = [16384, 61440, 4096]
    16384 = [32768, 122880, 8192]
  }[var.cpu]
  volumes = var.readonly_root ? ["tmp"] : []
  network = {
    subnets        = var.subnets
    securityGroups = var.security_groups
    assignPublicIp = var.assign_public_ip ? "ENABLED" : "DISABLED"
  }
  environment = {
    CRONLEDGER_STORE    = "dynamodb:${var.ledger.table}"
    CRONLEDGER_TASK     = local.batch.Task
    CRONLEDGER_SCHEDULE = local.batch.Schedule
    CRONLEDGER_TIMEZONE = local.batch.Timezone
    # An empty value is none.
    CRONLEDGER_ANCHOR = local.batch.Anchor
    CRONLEDGER_AFTER  = join(",", var.after)
    # A task that was started in another way than by the schedule or by force must not choose a slot by its clock, and one
    # with another schedule than the recorded one not by that schedule.
    CRONLEDGER_STRICT = "true"
    # ECS does not start a task again because of its exit code, so the run itself waits for the ledger.
    CRONLEDGER_LEDGER_TIMEOUT = "15m"
    CRONLEDGER_STOP_TIMEOUT   = "120s"
    # The part of the stop timeout that the batch gets after SIGTERM.
    CRONLEDGER_KILL_AFTER = "110s"
    CRONLEDGER_METRICS    = var.metrics ? "cronledger" : ""
    CRONLEDGER_LOG        = var.log_format
    # `setup --check` looks whether they have a value.
    CRONLEDGER_SECRETS = join(",", keys(var.secrets))
    # For the commands that run a slot again. ECS tells a task its cluster, and not its network.
    CRONLEDGER_ECS_NETWORK = jsonencode({
      awsvpcConfiguration = { for name, value in local.network : name => value if length(value) > 0 }
    })
  }
}

resource "aws_ecs_task_definition" "batch" {
  family                   = local.batch.Family
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  task_role_arn            = local.task_role
  execution_role_arn       = local.execution_role
  # Earlier revisions stay active, so that a slot can be run again with the revision that is on record.
  skip_destroy = true
  lifecycle {
    precondition {
      condition     = startswith(local.batch.Family, var.ledger.family_prefix)
      error_message = "The policies of the ledger do not know this family. Compute the parameters with --parameters FamilyPrefix=${var.ledger.family_prefix}"
    }
    precondition {
      condition     = length(setintersection(keys(var.environment), keys(var.secrets))) == 0
      error_message = "environment has a variable that is that of a secret. Leave it out."
    }
    precondition {
      condition     = length(setintersection(keys(local.batch.Environment), keys(local.environment))) == 0
      error_message = "parameters has a variable that the module itself sets. Leave it out."
    }
    precondition {
      condition     = !contains(var.after, local.batch.Task)
      error_message = "after has ${local.batch.Task}, the task itself. Use self for the slot before."
    }
    precondition {
      condition     = var.memory >= local.sizes[0] && var.memory <= local.sizes[1] && var.memory % local.sizes[2] == 0 && !(var.cpu == 256 && var.memory == 1536)
      error_message = "Memory is ${var.memory}, and Fargate does not have it with Cpu=${var.cpu}. Use ${var.cpu == 256 ? "512, 1024 or 2048" : "${local.sizes[0]} to ${local.sizes[1]} in steps of ${local.sizes[2]}"}."
    }
    precondition {
      condition     = var.capacity_provider == null || !var.assign_public_ip || local.starts_again
      error_message = "EventBridge Scheduler allows assign_public_ip only for the launch type FARGATE, so not with capacity_provider. Leave one of them out, or set start_again in the ledger."
    }
    precondition {
      condition     = local.makes_task_role || length(var.task_policies) == 0
      error_message = "task_policies are for the role that is made. Attach them to the role yourself."
    }
    precondition {
      condition     = alltrue([for arn in values(var.roles) : split(":", arn)[4] == local.account])
      error_message = "roles has a role of another account. ECS takes roles of the account of the task only."
    }
    precondition {
      condition     = var.log_key == null || try(split(":", var.log_key)[3], "") == local.region
      error_message = "log_key is a key of another Region. CloudWatch Logs needs a key of the Region of the log group."
    }
    precondition {
      condition     = var.metrics || !var.alarm_on_duplicates
      error_message = "alarm_on_duplicates is an alarm on the metrics, and metrics is false. Leave one of them out."
    }
  }
  runtime_platform {
    cpu_architecture        = var.architecture
    operating_system_family = "LINUX"
  }
  dynamic "ephemeral_storage" {
    for_each = var.ephemeral_storage == null ? [] : [1]
    content {
      size_in_gib = var.ephemeral_storage
    }
  }
  dynamic "volume" {
    for_each = local.volumes
    content {
      name = volume.value
    }
  }
  container_definitions = jsonencode([{
    name  = var.ledger.container
    image = var.image
    # Overrides of a task can replace the command, and not the entrypoint. So `setup --check` can run in this definition, too.
    entryPoint             = ["cronledger"]
    command                = concat(["run", "--"], var.command)
    essential              = true
    readonlyRootFilesystem = var.readonly_root
    mountPoints            = [for name in local.volumes : { sourceVolume = name, containerPath = "/tmp" }]
    # The maximum on Fargate. The time that is left after the batch has stopped is for recording its outcome.
    stopTimeout = 120
    # The init of ECS is PID 1. It collects the zombies of orphans, which cronledger cannot do.
    linuxParameters  = { initProcessEnabled = true }
    environmentFiles = [for file in var.environment_files : { type = "s3", value = file }]
    environment      = [for name, value in merge(var.environment, local.batch.Environment, local.environment) : { name = name, value = value }]
    secrets          = [for name, arn in var.secrets : { name = name, valueFrom = arn }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.batch.name
        awslogs-region        = local.region
        awslogs-stream-prefix = "cronledger"
        # A batch must not wait for CloudWatch Logs. If the buffer is full, lines are lost, those of the metrics too.
        mode            = "non-blocking"
        max-buffer-size = "25m"
      }
    }
  }])
}

locals {
  # EventBridge Scheduler replaces the attributes, so that a late trigger finds its slot.
  trigger = [
    { name = "CRONLEDGER_EVENT_TIME", value = "<aws.scheduler.scheduled-time>" },
    { name = "CRONLEDGER_DELIVERY_ATTEMPT", value = "<aws.scheduler.attempt-number>" },
  ]
  overrides = jsonencode({ containerOverrides = [{ name = var.ledger.container, environment = local.trigger }] })
  # The same for Step Functions, which has capital letters.
  starts_again = length(var.ledger.state_machines) > 0
  request = jsonencode({
    for name, value in {
      Cluster                  = var.cluster
      TaskDefinition           = aws_ecs_task_definition.batch.arn
      LaunchType               = var.capacity_provider == null ? "FARGATE" : null
      CapacityProviderStrategy = var.capacity_provider == null ? null : [{ CapacityProvider = var.capacity_provider, Weight = 1 }]
      PlatformVersion          = var.platform_version
      PropagateTags            = "TASK_DEFINITION"
      NetworkConfiguration = {
        AwsvpcConfiguration = {
          for name, value in local.network : title(name) => value if length(value) > 0
        }
      }
      Overrides = {
        ContainerOverrides = [{
          Name        = var.ledger.container
          Environment = [for one in local.trigger : { Name = one.name, Value = one.value }]
        }]
      }
    } : name => value if value != null
  })
}

resource "aws_scheduler_schedule" "batch" {
  name                         = local.batch.Family
  group_name                   = var.ledger.schedule_group
  state                        = var.schedule_state
  schedule_expression          = local.batch.ScheduleExpression
  schedule_expression_timezone = local.batch.Timezone
  start_date                   = local.batch.StartDate == "" ? null : local.batch.StartDate
  flexible_time_window {
    mode                      = local.batch.FlexibleMinutes == "0" ? "OFF" : "FLEXIBLE"
    maximum_window_in_minutes = local.batch.FlexibleMinutes == "0" ? null : local.batch.FlexibleMinutes
  }
  target {
    arn      = local.starts_again ? var.ledger.state_machines[0] : var.cluster
    role_arn = var.ledger.scheduler_role
    dynamic "ecs_parameters" {
      for_each = local.starts_again ? [] : [1]
      content {
        # With the revision, so that the schedule here and the one in the container change at the same moment.
        task_definition_arn = aws_ecs_task_definition.batch.arn
        task_count          = 1
        launch_type         = var.capacity_provider == null ? "FARGATE" : null
        platform_version    = var.platform_version
        propagate_tags      = "TASK_DEFINITION"
        dynamic "capacity_provider_strategy" {
          for_each = var.capacity_provider == null ? [] : [1]
          content {
            capacity_provider = var.capacity_provider
            weight            = 1
          }
        }
        network_configuration {
          assign_public_ip = var.assign_public_ip
          subnets          = var.subnets
          security_groups  = var.security_groups
        }
      }
    }
    # jsonencode would escape < and >.
    input = replace(replace(local.starts_again ? local.request : local.overrides, "\\u003c", "<"), "\\u003e", ">")
    # The longest that EventBridge Scheduler allows. A trigger that comes late still runs its own slot.
    retry_policy {
      maximum_event_age_in_seconds = 86400
      maximum_retry_attempts       = 185
    }
    dead_letter_config {
      arn = var.ledger.dead_letters
    }
  }
  # A trigger must not start a task before its role may use the table.
  depends_on = [aws_iam_role_policy.runner, aws_iam_role_policy.read, aws_iam_role_policy_attachment.execution]
}

locals {
  alarms = {
    Refused   = "a trigger was refused, and the batch was not started. An operator has to decide. See which slots need attention, and what to do: ${local.check}. If it finds nothing, see the log: aws logs tail ${aws_cloudwatch_log_group.batch.name} --region ${local.region} --since 3h"
    Failed    = "an attempt failed or did not start, or a success could not be recorded. If the log says that the batch SUCCEEDED, do not run it again: record the success with the command in the log. Otherwise see which slots need attention, and what to do: ${local.check}. With --retry-delay or --max-attempts, a later attempt may have succeeded since."
    Duplicate = "a trigger came twice, and the second one started nothing. You need not do anything."
  }
}

# These alarms use the metrics that cronledger writes to its log (CRONLEDGER_METRICS=cronledger).
resource "aws_cloudwatch_metric_alarm" "one" {
  for_each            = { for name, text in local.alarms : name => text if var.metrics && (name != "Duplicate" || var.alarm_on_duplicates) }
  alarm_name          = "${local.batch.Family}-${each.key}"
  alarm_description   = "cronledger ${local.batch.Task}: ${each.value}"
  namespace           = "cronledger"
  metric_name         = each.key
  dimensions          = { Task = local.batch.Task }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.ledger.alarm_topics
}

# This alarm also covers what cannot report itself: no trigger came, the ledger could not be reached, or the task was killed.
# In a new batch it is in the state ALARM until the first run has completed, so it has no action of its own: a rule of the ledger
# sends it, by its name, if it was OK before.
resource "aws_cloudwatch_metric_alarm" "no_run" {
  count             = var.metrics && local.batch.NoRunHours != "0" ? 1 : 0
  alarm_name        = "${local.batch.Family}-no-run"
  alarm_description = "cronledger ${local.batch.Task}: no run has completed for ${local.batch.NoRunHours} hours. Find out why: ${local.check}"
  # Without FILL, CloudWatch looks some periods further back before it treats data as missing.
  metric_query {
    id          = "filled"
    expression  = "FILL(completed, 0)"
    return_data = true
  }
  metric_query {
    id = "completed"
    metric {
      namespace   = "cronledger"
      metric_name = "Completed"
      dimensions  = { Task = local.batch.Task }
      stat        = "Sum"
      period      = 3600
    }
  }
  evaluation_periods  = local.batch.NoRunHours
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  ok_actions          = var.ledger.alarm_topics
}

output "family" {
  description = "Name of the task definition and of the schedule."
  value       = local.batch.Family
}

output "task_definition" {
  description = "ARN of the task definition, with its revision."
  value       = aws_ecs_task_definition.batch.arn
}

output "task_role" {
  description = "ARN of the role of the batch."
  value       = local.task_role
}

output "runner_policy" {
  description = "Policy that the role of the batch needs, in JSON, for a role of yours."
  value       = data.aws_iam_policy_document.runner.json
}

output "log_group" {
  description = "Name of the log group."
  value       = aws_cloudwatch_log_group.batch.name
}
