"""Makes the resources of a deployed stack that moto's CloudFormation leaves out: the schedules with their group, the alarms,
the policy of the topic and the point-in-time recovery of the table. moto's task definitions and inline policies of a stack are damaged, so it makes these again.

It takes the values from the stack itself, so a value that did not arrive there is not in the resources either. It uses
Debian's boto3, because each start of the AWS command line takes a second.

    complete_stack.py STACK TEMPLATE
"""

import json
import re
import sys

import boto3
import yaml

stack_name, template_path = sys.argv[1:]


class Loader(yaml.SafeLoader):
    """Reads `!Ref x` as `{"Ref": "x"}`."""


def short_form(loader, tag, node):
    is_list = isinstance(node, yaml.SequenceNode)
    return {tag: loader.construct_sequence(node, deep=True) if is_list else node.value}


Loader.add_multi_constructor("!", short_form)
with open(template_path) as file:
    template = yaml.load(file, Loader)
resources = template["Resources"]

cloudformation = boto3.client("cloudformation")
[stack] = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
_, _, _, region, account = stack["StackId"].split(":")[:5]
values = {"AWS::Partition": "aws", "AWS::Region": region, "AWS::AccountId": account, "AWS::NoValue": None}
for parameter in stack["Parameters"]:
    name, value = parameter["ParameterKey"], parameter.get("ParameterValue", "")
    # moto shows a list as Python does.
    is_list = template["Parameters"][name]["Type"] == "CommaDelimitedList"
    values[name] = re.sub(r"[\[\]' ]", "", value).split(",") if is_list else value
for made in cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]:
    if made.get("LogicalResourceId"):
        values[made["LogicalResourceId"]] = made["PhysicalResourceId"]


def attribute(text):
    name, wanted = text.split(".")
    own = re.sub(r"^.*[:/]", "", values[name])
    if wanted == "QueueName":
        return own
    return {
        "AWS::IAM::Role": f"arn:aws:iam::{account}:role/{own}",
        "AWS::SQS::Queue": f"arn:aws:sqs:{region}:{account}:{own}",
        "AWS::Events::Rule": f"arn:aws:events:{region}:{account}:rule/{own}",
    }[resources[name]["Type"]]


def is_met(condition):
    if "Not" in condition:
        return not is_met(condition["Not"][0])
    one, other = (resolve(side) for side in condition["Equals"])
    return str(one) == str(other)


def resolve(part):
    """Returns a part of the template in which all functions are replaced by their values."""
    if isinstance(part, list):
        return [item for item in map(resolve, part) if item is not None]
    if not isinstance(part, dict):
        return part
    if "Ref" in part:
        return values[part["Ref"]]
    if "GetAtt" in part:
        return attribute(part["GetAtt"])
    if "If" in part:
        condition, one, other = part["If"]
        return resolve(one if is_met(template["Conditions"][condition]) else other)
    if "Join" in part:
        return part["Join"][0].join(resolve(part["Join"][1]))
    if "Split" in part:
        return resolve(part["Split"][1]).split(part["Split"][0])
    if "Select" in part:
        return resolve(part["Select"][1])[int(part["Select"][0])]
    if "Sub" in part:
        return re.sub(r"\$\{(.+?)\}", lambda found: substitute(found[1]), part["Sub"])
    members = {key: resolve(value) for key, value in part.items()}
    return {key: value for key, value in members.items() if value is not None}


def substitute(name):
    return str(values[name]) if name in values else attribute(name)


def with_small_keys(part):
    """The keys of the API of ECS begin with a small letter."""
    if isinstance(part, list):
        return [with_small_keys(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {key[0].lower() + key[1:]: with_small_keys(value) for key, value in part.items()}


def role(name, properties):
    for policy in properties.get("Policies", []):
        document = json.dumps(policy["PolicyDocument"])
        boto3.client("iam").put_role_policy(
            RoleName=values[name], PolicyName=policy["PolicyName"], PolicyDocument=document
        )


def task_definition(name, properties):
    sizes = {"cpu": str(properties.pop("Cpu")), "memory": str(properties.pop("Memory"))}
    made = boto3.client("ecs").register_task_definition(**with_small_keys(properties), **sizes)
    values[name] = made["taskDefinition"]["taskDefinitionArn"]


def schedule_group(name, properties):
    scheduler = boto3.client("scheduler")
    groups = scheduler.list_schedule_groups()["ScheduleGroups"]
    if all(group["Name"] != properties["Name"] for group in groups):
        scheduler.create_schedule_group(**properties)
    values[name] = properties["Name"]


def schedule(_, properties):
    scheduler = boto3.client("scheduler")
    ecs = properties["Target"]["EcsParameters"]
    ecs["NetworkConfiguration"] = {"awsvpcConfiguration": ecs["NetworkConfiguration"]["AwsvpcConfiguration"]}
    known = scheduler.list_schedules(GroupName=properties["GroupName"])["Schedules"]
    is_known = any(other["Name"] == properties["Name"] for other in known)
    (scheduler.update_schedule if is_known else scheduler.create_schedule)(**properties)


def topic_policy(_, properties):
    for topic in properties["Topics"]:
        boto3.client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(properties["PolicyDocument"])
        )


def alarm(name, properties):
    periods = int(properties.pop("EvaluationPeriods"))
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=f"{stack_name}-{name}", EvaluationPeriods=periods, **properties
    )


def table(_, properties):
    boto3.client("dynamodb").update_continuous_backups(
        TableName=properties["TableName"],
        PointInTimeRecoverySpecification=properties["PointInTimeRecoverySpecification"],
    )


# In this order, because a resource gets the ids of those before it.
MAKERS = {
    "AWS::DynamoDB::Table": table,
    "AWS::IAM::Role": role,
    "AWS::ECS::TaskDefinition": task_definition,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::CloudWatch::Alarm": alarm,
}

for type_name, make in MAKERS.items():
    for name, resource in resources.items():
        condition = resource.get("Condition")
        is_made = condition is None or is_met(template["Conditions"][condition])
        if resource["Type"] == type_name and is_made:
            make(name, resolve(resource["Properties"]))
