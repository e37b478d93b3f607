# The resources that all batches of an account and Region share: the table of the ledger, policies for people, the start of tasks, the topic of
# the alarms, and an optional daily check. It makes what ledger.yaml makes, and a test compares both.
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

variable "table" {
  description = "Name of the table that the module makes, or the ARN of one that exists, as a text that is known when Terraform plans."
  type        = string
  default     = "cronledger"
}

variable "table_key" {
  description = "ARN of the customer managed key that encrypts the table. Null for a key that AWS owns."
  type        = string
  default     = null
}

variable "family_prefix" {
  description = "Start of the names of all batches in ECS. It separates the ledgers of one account."
  type        = string
  default     = "cronledger-"
  validation {
    condition     = can(regex("^(?:[A-Za-z0-9_]{1,19}-)$", var.family_prefix))
    error_message = "family_prefix must be letters and digits with one - at the end, so that no prefix begins with another one."
  }
}

variable "container" {
  description = "Name of the container of the batches. The exit codes of other containers in their tasks send no alarm."
  type        = string
  default     = "batch"
}

variable "batch_roles" {
  description = "ARNs of roles of yours that batches use. Those that the module of a batch makes are always allowed."
  type        = list(string)
  default     = []
}

variable "clusters" {
  description = "ARNs of the ECS clusters of the batches, whose tasks operators may see and stop. The default is all clusters."
  type        = list(string)
  default     = ["arn:*:ecs:*:*:cluster/*"]
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the roles."
  type        = string
  default     = null
}

variable "alarm_topics" {
  description = "ARNs of topics of yours, whose policies must allow CloudWatch and EventBridge to publish. Empty to make one."
  type        = list(string)
  default     = []
}

variable "alarm_emails" {
  description = "Email addresses for the alarms, for the topic that is made."
  type        = list(string)
  default     = []
}

variable "start_again" {
  description = "True to start tasks by Step Functions, which tries again for a day if Fargate has no capacity."
  type        = bool
  default     = false
}

variable "alarm_on_failed_starts" {
  description = "True for a mail at once if RunTask starts no task. It needs a trail of CloudTrail with management events."
  type        = bool
  default     = false
}

variable "mail_each_task" {
  description = "False for no mail for each task that failed, but only that of the check, as a digest."
  type        = bool
  default     = true
}

variable "dashboard" {
  description = "True for a dashboard of all batches in CloudWatch."
  type        = bool
  default     = false
}

variable "check" {
  description = "For a daily check of all tasks: an image with cronledger, the ARN of the cluster, and its subnets."
  type = object({
    image            = string
    cluster          = string
    subnets          = list(string)
    security_groups  = optional(list(string), [])
    assign_public_ip = optional(bool, false)
    expression       = optional(string, "cron(0 6 * * ? *)")
    timezone         = optional(string, "UTC")
    architecture     = optional(string, "X86_64")
    cpu              = optional(number, 256)
    memory           = optional(number, 512)
    log_key          = optional(string)
  })
  default = null
  validation {
    condition = var.check == null || try(contains({
      256  = [512, 1024, 2048]
      512  = [1024, 2048, 3072, 4096]
      1024 = [2048, 3072, 4096, 5120, 6144, 7168, 8192]
    }[var.check.cpu], var.check.memory), false)
    error_message = "Fargate does not have this memory with this cpu, or the check does not need it. Use a cpu of 256, 512 or 1024."
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  prefix      = var.family_prefix
  account     = data.aws_caller_identity.current.account_id
  partition   = data.aws_partition.current.partition
  region      = data.aws_region.current.region
  makes_table = !startswith(var.table, "arn:")
  table_arn   = local.makes_table ? "arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.table}" : var.table
  table_region = local.makes_table ? local.region : split(":", var.table)[3]
  definitions = "arn:${local.partition}:ecs:${local.region}:${local.account}:task-definition/${local.prefix}*"
  tasks       = "arn:${local.partition}:ecs:${local.region}:${local.account}:task/*"
  roles       = concat(["arn:${local.partition}:iam::${local.account}:role/cronledger/*"], var.batch_roles)
  topics      = length(var.alarm_topics) > 0 ? var.alarm_topics : aws_sns_topic.alarms[*].arn
  check       = "AWS_REGION=${local.region} cronledger check --store dynamodb:${var.table}"
}

# The policies allow the actions that the commands and the operating guide call, and no others.
data "aws_iam_policy_document" "auditor" {
  statement {
    sid       = "Table"
    actions   = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem"]
    resources = [local.table_arn]
  }
  statement {
    sid       = "Index"
    actions   = ["dynamodb:Query"]
    resources = ["${local.table_arn}/index/by-day"]
  }
  # DynamoDB uses a customer managed key in the name of the caller.
  dynamic "statement" {
    for_each = var.table_key == null ? [] : [1]
    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:DescribeKey"]
      resources = [var.table_key]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["dynamodb.${local.table_region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_policy" "auditor" {
  name_prefix = "${local.prefix}auditor-"
  description = "cronledger auditor"
  policy      = data.aws_iam_policy_document.auditor.json
}

# Empty if the table has no key of its own.
data "aws_iam_policy_document" "write_key" {
  dynamic "statement" {
    for_each = var.table_key == null ? [] : [1]
    content {
      sid       = "Key"
      actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      resources = [var.table_key]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["dynamodb.${local.table_region}.amazonaws.com"]
      }
    }
  }
}

data "aws_iam_policy_document" "operator" {
  source_policy_documents = [data.aws_iam_policy_document.write_key.json]
  statement {
    sid = "Table"
    actions = [
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
      "dynamodb:GetItem",
      "dynamodb:Query",
      "dynamodb:BatchGetItem",
      "dynamodb:DescribeTable",
      "dynamodb:DescribeTimeToLive",
      "dynamodb:DescribeContinuousBackups",
    ]
    resources = [local.table_arn]
  }
  statement {
    sid       = "Index"
    actions   = ["dynamodb:Query"]
    resources = ["${local.table_arn}/index/by-day"]
  }
  statement {
    sid       = "Start"
    actions   = ["ecs:RunTask"]
    resources = [local.definitions]
  }
  statement {
    sid       = "Roles"
    actions   = ["iam:PassRole"]
    resources = local.roles
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
  # Tasks have no names of their own, so these are about all tasks of the clusters.
  statement {
    sid       = "Tasks"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask"]
    resources = [local.tasks]
    condition {
      test     = "ArnLike"
      variable = "ecs:cluster"
      values   = var.clusters
    }
  }
  statement {
    sid       = "List"
    actions   = ["ecs:ListTasks"]
    resources = ["*"]
  }
  statement {
    sid       = "Logs"
    actions   = ["logs:FilterLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/ecs/${local.prefix}*"]
  }
  statement {
    sid       = "Schedules"
    actions   = ["scheduler:GetSchedule"]
    resources = ["arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule/*/${local.prefix}*"]
  }
  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:ReceiveMessage", "sqs:PurgeQueue"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }
}

resource "aws_iam_policy" "operator" {
  name_prefix = "${local.prefix}operator-"
  description = "cronledger operator"
  policy      = data.aws_iam_policy_document.operator.json
}

# The role with which EventBridge Scheduler starts the tasks of all batches.
data "aws_iam_policy_document" "scheduler_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [aws_scheduler_schedule_group.batches.arn]
    }
  }
}

resource "aws_iam_role" "scheduler" {
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.scheduler_trust.json
}

data "aws_iam_policy_document" "start" {
  statement {
    sid       = "Start"
    actions   = ["ecs:RunTask"]
    resources = [local.definitions]
  }
  # The tags of the task definition go to the task.
  statement {
    sid       = "Tags"
    actions   = ["ecs:TagResource"]
    resources = [local.tasks]
    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }
  statement {
    sid       = "Roles"
    actions   = ["iam:PassRole"]
    resources = local.roles
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "deliver" {
  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }
  dynamic "statement" {
    for_each = aws_sfn_state_machine.start[*].arn
    content {
      sid       = "StartAgain"
      actions   = ["states:StartExecution"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "start" {
  name   = "start"
  role   = aws_iam_role.scheduler.name
  policy = data.aws_iam_policy_document.start.json
}

resource "aws_iam_role_policy" "deliver" {
  name   = "deliver"
  role   = aws_iam_role.scheduler.name
  policy = data.aws_iam_policy_document.deliver.json
}

# RunTask can answer without an error and without a task, for example if Fargate has no capacity. EventBridge Scheduler takes that
# as delivered. This one looks at the answer. The request is its input.
resource "aws_sfn_state_machine" "start" {
  count       = var.start_again ? 1 : 0
  name_prefix = local.prefix
  role_arn    = aws_iam_role.start_again[0].arn
  definition = jsonencode({
    QueryLanguage  = "JSONata"
    TimeoutSeconds = 86400
    StartAt        = "Start"
    States = {
      Start = {
        Type      = "Task"
        Resource  = "arn:${local.partition}:states:::ecs:runTask"
        Arguments = "{% $states.input %}"
        Assign    = { failures = "{% $count($states.result.Failures) %}" }
        Output    = "{% $states.input %}"
        # 60, 120, 240 and 480 s, and then 141 times 600 s: 23.7 hours.
        Retry = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 60, MaxAttempts = 145, MaxDelaySeconds = 600 }]
        Next  = "IsStarted"
      }
      IsStarted = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $failures = 0 %}", Next = "Started" }]
        Default = "Wait"
      }
      Wait    = { Type = "Wait", Seconds = 120, Next = "Start" }
      Started = { Type = "Succeed" }
    }
  })
  # Without its policy, the first tasks would wait for the next try.
  depends_on = [aws_iam_role_policy.start_again]
}

data "aws_iam_policy_document" "start_again_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["states.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "start_again" {
  count                = var.start_again ? 1 : 0
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.start_again_trust.json
}

resource "aws_iam_role_policy" "start_again" {
  count  = var.start_again ? 1 : 0
  name   = "start"
  role   = aws_iam_role.start_again[0].name
  policy = data.aws_iam_policy_document.start.json
}

# With a group, EventBridge Scheduler deletes its schedules.
resource "aws_scheduler_schedule_group" "batches" {
  name_prefix = local.prefix
  lifecycle {
    prevent_destroy = true
  }
}

# Triggers that EventBridge Scheduler gave up.
resource "aws_sqs_queue" "dead_letters" {
  name_prefix               = local.prefix
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sns_topic" "alarms" {
  count       = length(var.alarm_topics) > 0 ? 0 : 1
  name_prefix = local.prefix
}

resource "aws_sns_topic_subscription" "alarms" {
  count     = length(var.alarm_topics) > 0 ? 0 : length(var.alarm_emails)
  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.alarm_emails[count.index]
}

# This policy replaces the default one, which lets only the account itself publish. The statement of EventBridge must not have a
# condition, because EventBridge does not support one for a topic: its messages would never arrive.
data "aws_iam_policy_document" "alarms" {
  count = length(var.alarm_topics) > 0 ? 0 : 1
  statement {
    sid       = "Alarms"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms[0].arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
  statement {
    sid       = "TaskStopped"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms[0].arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  count  = length(var.alarm_topics) > 0 ? 0 : 1
  arn    = aws_sns_topic.alarms[0].arn
  policy = data.aws_iam_policy_document.alarms[0].json
}

# Any exit code but 0, none at all, and any task that did not start: the batch failed, a trigger was refused, the ledger could not be reached,
# the check found something, the image could not be pulled, and so on.
resource "aws_cloudwatch_event_rule" "task_stopped" {
  # A second ledger with the same prefix fails here, in place of getting the mails of this one.
  name        = "${local.prefix}-stopped"
  description = "cronledger: a task of a batch exited with another code than 0 or without one, or did not start."
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail = {
      lastStatus        = ["STOPPED"]
      taskDefinitionArn = [{ prefix = "${trimsuffix(local.definitions, "*")}${var.mail_each_task ? "" : "-check:"}" }]
      "$or" = [
        # Both fields must be those of one container. GuardDuty adds a container of its own.
        { containers = { name = [var.container], exitCode = [{ anything-but = 0 }] } },
        # It did not start, its host was lost, Spot took it, or a person stopped it.
        { stopCode = [{ anything-but = ["EssentialContainerExited"] }] },
        # exists: false asks whether no container of the task has an exit code.
        { containers = { name = [var.container], exitCode = [{ exists = false }] } },
      ]
    }
  })
  lifecycle {
    precondition {
      condition     = length(var.alarm_topics) == 0 || length(var.alarm_emails) == 0
      error_message = "alarm_emails are for the topic that is made. Subscribe them to alarm_topics yourself."
    }
    precondition {
      condition     = var.mail_each_task || var.check != null
      error_message = "With mail_each_task = false, only the check sends a mail of failed tasks. Give check."
    }
  }
}

# RunTask can answer without an error and without a task. No task stops then, and only CloudTrail records it.
resource "aws_cloudwatch_event_rule" "not_started" {
  count       = var.alarm_on_failed_starts ? 1 : 0
  name_prefix = local.prefix
  description = "cronledger: RunTask started no task for a batch."
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["AWS API Call via CloudTrail"]
    detail = {
      eventSource = ["ecs.amazonaws.com"]
      eventName   = ["RunTask"]
      requestParameters = {
        taskDefinition = [{ prefix = trimsuffix(local.definitions, "*") }, { prefix = local.prefix }]
      }
      responseElements = { failures = { reason = [{ exists = true }] } }
    }
  })
}

resource "aws_cloudwatch_event_target" "not_started" {
  count = var.alarm_on_failed_starts ? max(1, length(var.alarm_topics)) : 0
  rule  = aws_cloudwatch_event_rule.not_started[0].name
  arn   = local.topics[count.index]
  input_transformer {
    input_paths = {
      definition = "$.detail.requestParameters.taskDefinition"
      reason     = "$.detail.responseElements.failures[0].reason"
      time       = "$.detail.eventTime"
    }
    input_template = join("\n", [for line in [
      "cronledger: RunTask started no task at <time>.",
      "Task definition: <definition>",
      "Reason: <reason>",
      "With StartAgain, Step Functions tries again for a day. Otherwise nothing does.",
      "Find the missed slots, 15 minutes after they were due: ${local.check}",
    ] : "\"${line}\""])
  }
}

resource "aws_cloudwatch_event_target" "task_stopped" {
  count = max(1, length(var.alarm_topics))
  rule  = aws_cloudwatch_event_rule.task_stopped.name
  arn   = local.topics[count.index]
  input_transformer {
    input_paths = {
      task          = "$.detail.taskArn"
      definition    = "$.detail.taskDefinitionArn"
      name          = "$.detail.containers[0].name"
      exitCode      = "$.detail.containers[0].exitCode"
      otherName     = "$.detail.containers[1].name"
      otherExitCode = "$.detail.containers[1].exitCode"
      stopCode      = "$.detail.stopCode"
      reason        = "$.detail.stoppedReason"
    }
    # EventBridge leaves out what the event does not have: the exit code of a task that did not start, a second container.
    input_template = join("\n", [for line in [
      "cronledger: an ECS task exited with another code than 0 or without one, or did not start.",
      "Task definition: <definition>",
      "Exit codes: <name> <exitCode>, <otherName> <otherExitCode>",
      "Stopped because: <stopCode> <reason>",
      "Task: <task>",
      "If the exit code is 74 and the log says that the batch SUCCEEDED, do not run it again. Record the success with the command in the log.",
      "See which slots need attention (one that did not start: 15 minutes after it was due), and how to read their logs: ${local.check}",
    ] : "\"${line}\""])
  }
}

# These alarms use the metrics of AWS.
resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${local.prefix}dead-letters"
  alarm_description   = "cronledger: EventBridge Scheduler could not start a task, and gave up after its last retry, at most a day later. The message in the dead-letter queue ${aws_sqs_queue.dead_letters.name} has the schedule, the reason and the scheduled time. Find the missed slots: ${local.check}"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.topics
}

resource "aws_cloudwatch_metric_alarm" "dropped" {
  alarm_name          = "${local.prefix}dropped"
  alarm_description   = "cronledger: EventBridge Scheduler dropped a trigger after its last retry. Find the missed slots: ${local.check}"
  namespace           = "AWS/Scheduler"
  metric_name         = "InvocationDroppedCount"
  dimensions          = { ScheduleGroup = aws_scheduler_schedule_group.batches.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.topics
}

resource "aws_cloudwatch_metric_alarm" "start" {
  for_each = {
    for metric, text in {
      ExecutionsFailed   = "Step Functions could not start a task, and gave up after a day of tries. The failed execution of ${join("", aws_sfn_state_machine.start[*].arn)} has the reason. Find the missed slots"
      ExecutionsTimedOut = "Fargate had no capacity for a task for a day, and Step Functions gave up. Find the missed slots"
    } : metric => text if var.start_again
  }
  alarm_name          = "${local.prefix}${each.key}"
  alarm_description   = "cronledger: ${each.value}: ${local.check}"
  namespace           = "AWS/States"
  metric_name         = each.key
  dimensions          = { StateMachineArn = aws_sfn_state_machine.start[0].arn }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.topics
}

# The alarms of batches on missing runs have no action of their own: a new one is in the state ALARM until the first run, and forty
# new ones would ring at once. An alarm that was OK before is sent.
resource "aws_cloudwatch_event_rule" "no_run" {
  name_prefix = local.prefix
  description = "cronledger: no run of a batch has completed for some time."
  event_pattern = jsonencode({
    source      = ["aws.cloudwatch"]
    detail-type = ["CloudWatch Alarm State Change"]
    detail = {
      alarmName     = [{ wildcard = "${local.prefix}*-no-run" }]
      state         = { value = ["ALARM"] }
      previousState = { value = ["OK"] }
    }
  })
}

resource "aws_cloudwatch_event_target" "no_run" {
  count      = max(1, length(var.alarm_topics))
  rule       = aws_cloudwatch_event_rule.no_run.name
  arn        = local.topics[count.index]
  input_path = "$.detail.configuration.description"
}

resource "aws_cloudwatch_dashboard" "batches" {
  count          = var.dashboard ? 1 : 0
  dashboard_name = "${local.prefix}batches"
  dashboard_body = jsonencode({
    widgets = [for one in [["Failed and refused", "(Failed OR Refused)"], ["Completed", "Completed"]] : {
      type   = "metric"
      width  = 24
      height = 8
      properties = {
        region  = local.region
        title   = one[0]
        stat    = "Sum"
        period  = 3600
        metrics = [[{ expression = "SEARCH('{cronledger,Task} MetricName=${one[1]}', 'Sum', 3600)" }]]
      }
    }]
  })
}

# `cronledger check` of all tasks. A batch never has this name, because the name of a task begins with a letter or a digit.
locals {
  checks = var.check == null ? 0 : 1
}

# It is the execution role, too, which ECS assumes without the key aws:SourceAccount.
data "aws_iam_policy_document" "check_trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "check" {
  count                = local.checks
  path                 = "/cronledger/"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = data.aws_iam_policy_document.check_trust.json
}

resource "aws_iam_role_policy_attachment" "check" {
  count = 2 * local.checks
  role  = aws_iam_role.check[0].name
  policy_arn = [
    aws_iam_policy.auditor.arn,
    "arn:${local.partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
  ][count.index]
}

resource "aws_iam_role_policy" "told" {
  count  = local.checks
  name   = "told"
  role   = aws_iam_role.check[0].name
  policy = data.aws_iam_policy_document.told.json
}

data "aws_iam_policy_document" "told" {
  source_policy_documents = [data.aws_iam_policy_document.write_key.json]
  statement {
    sid       = "Told"
    actions   = ["dynamodb:PutItem"]
    resources = [local.table_arn]
    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["#told/*"]
    }
  }
}

resource "aws_cloudwatch_log_group" "check" {
  count             = local.checks
  name_prefix       = "/ecs/${local.prefix}-check/"
  retention_in_days = 90
  kms_key_id        = var.check.log_key
  skip_destroy      = true
}

resource "aws_ecs_task_definition" "check" {
  count                    = local.checks
  family                   = "${local.prefix}-check"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.check.cpu
  memory                   = var.check.memory
  task_role_arn            = aws_iam_role.check[0].arn
  execution_role_arn       = aws_iam_role.check[0].arn
  runtime_platform {
    cpu_architecture        = var.check.architecture
    operating_system_family = "LINUX"
  }
  container_definitions = jsonencode([{
    name       = var.container
    image      = var.check.image
    entryPoint = ["cronledger"]
    # It remembers in the table what it has told, in an item of its own.
    command     = ["check", "--once", "daily"]
    essential   = true
    environment = [{ name = "CRONLEDGER_STORE", value = "dynamodb:${var.table}" }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.check[0].name
        awslogs-region        = local.region
        awslogs-stream-prefix = "check"
      }
    }
  }])
}

resource "aws_scheduler_schedule" "check" {
  count                        = local.checks
  name                         = "${local.prefix}-check"
  group_name                   = aws_scheduler_schedule_group.batches.name
  schedule_expression          = var.check.expression
  schedule_expression_timezone = var.check.timezone
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = var.start_again ? aws_sfn_state_machine.start[0].arn : var.check.cluster
    role_arn = aws_iam_role.scheduler.arn
    dynamic "ecs_parameters" {
      for_each = var.start_again ? [] : [1]
      content {
        task_definition_arn = aws_ecs_task_definition.check[0].arn
        task_count          = 1
        launch_type         = "FARGATE"
        platform_version    = "LATEST"
        propagate_tags      = "TASK_DEFINITION"
        network_configuration {
          assign_public_ip = var.check.assign_public_ip
          subnets          = var.check.subnets
          security_groups  = var.check.security_groups
        }
      }
    }
    input = !var.start_again ? null : jsonencode({
      Cluster         = var.check.cluster
      TaskDefinition  = aws_ecs_task_definition.check[0].arn
      LaunchType      = "FARGATE"
      PlatformVersion = "LATEST"
      PropagateTags   = "TASK_DEFINITION"
      NetworkConfiguration = {
        AwsvpcConfiguration = {
          for name, value in {
            Subnets        = var.check.subnets
            SecurityGroups = var.check.security_groups
            AssignPublicIp = var.check.assign_public_ip ? "ENABLED" : "DISABLED"
          } : name => value if length(value) > 0
        }
      }
    })
    retry_policy {
      maximum_event_age_in_seconds = 86400
      maximum_retry_attempts       = 185
    }
    dead_letter_config {
      arn = aws_sqs_queue.dead_letters.arn
    }
  }
}

# The same as table.json, which `cronledger setup` creates. The rows reject duplicates, so the table must outlive the module.
resource "aws_dynamodb_table" "ledger" {
  count                       = local.makes_table ? 1 : 0
  name                        = var.table
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = true
  hash_key                    = "task"
  range_key                   = "slot"
  attribute {
    name = "task"
    type = "S"
  }
  attribute {
    name = "slot"
    type = "S"
  }
  attribute {
    name = "day"
    type = "S"
  }
  global_secondary_index {
    name            = "by-day"
    hash_key        = "day"
    range_key       = "slot"
    projection_type = "KEYS_ONLY"
  }
  ttl {
    attribute_name = "expiresAt"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  dynamic "server_side_encryption" {
    for_each = var.table_key == null ? [] : [1]
    content {
      enabled     = true
      kms_key_arn = var.table_key
    }
  }
  lifecycle {
    prevent_destroy = true
  }
}

output "table" {
  description = "Name or ARN of the table: --store dynamodb:TABLE."
  value       = var.table
}

output "table_key" {
  description = "ARN of the key of the table."
  value       = var.table_key
}

output "schedule_group" {
  description = "Name of the group of the schedules."
  value       = aws_scheduler_schedule_group.batches.name
}

output "scheduler_role" {
  description = "ARN of the role with which EventBridge Scheduler starts tasks."
  value       = aws_iam_role.scheduler.arn
  # Without its policies, EventBridge Scheduler could start nothing.
  depends_on = [aws_iam_role_policy.start, aws_iam_role_policy.deliver]
}

output "state_machines" {
  description = "ARN of the state machine that starts tasks, and tries again. Empty without start_again."
  value       = aws_sfn_state_machine.start[*].arn
}

output "family_prefix" {
  description = "Start of the names of all batches in ECS."
  value       = var.family_prefix
}

output "container" {
  description = "Name of the container of the batches."
  value       = var.container
}

output "dead_letters" {
  description = "ARN of the queue for triggers that EventBridge Scheduler gave up."
  value       = aws_sqs_queue.dead_letters.arn
}

output "alarm_topics" {
  description = "ARNs of the topics of the alarms."
  value       = local.topics
}

output "auditor_policy" {
  description = "ARN of the policy for people who read."
  value       = aws_iam_policy.auditor.arn
}

output "operator_policy" {
  description = "ARN of the policy for people who change something."
  value       = aws_iam_policy.operator.arn
}
