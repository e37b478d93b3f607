"""Fills the gaps of moto's CloudFormation that the stacks of cronledger need: types that it leaves out (schedules and their groups,
alarms, the policy of a topic), and what it damages (roles, task definitions, AWS::NoValue in a list, resources that are kept).
A schedule is known by its name alone and cannot change its group, as the specification of its type says.
"""

import copy
import json
from datetime import datetime

from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudwatch import models as cloudwatch
from moto.core.common_models import CloudFormationModel
from moto.core.utils import pascal_to_camelcase, remap_nested_keys
from moto.dynamodb.models import Table, dynamodb_backends
from moto.ecs.models import EC2ContainerServiceBackend, TaskDefinition, ecs_backends
from moto.iam.models import Role, iam_backends
from moto.logs.models import logs_backends
from moto.scheduler.models import scheduler_backends
from moto.sns.models import sns_backends
from moto.stepfunctions.models import StateMachine


def schedule(backend, properties, name, is_new):
    wanted = {
        key: properties.get(name)
        for key, name in {
            "description": "Description",
            "end_date": "EndDate",
            "flexible_time_window": "FlexibleTimeWindow",
            "kms_key_arn": "KmsKeyArn",
            "schedule_expression": "ScheduleExpression",
            "schedule_expression_timezone": "ScheduleExpressionTimezone",
            "state": "State",
        }.items()
    }
    # These have small names in the API only.
    target = copy.deepcopy(properties["Target"])
    if "EcsParameters" in target:
        ecs = target["EcsParameters"]
        ecs["NetworkConfiguration"] = {"awsvpcConfiguration": ecs["NetworkConfiguration"]["AwsvpcConfiguration"]}
        ecs["CapacityProviderStrategy"] = remap_nested_keys(ecs.get("CapacityProviderStrategy"), pascal_to_camelcase)
    start = properties.get("StartDate")
    wanted |= {
        "target": target,
        "start_date": start and datetime.fromisoformat(start).timestamp(),
        "group_name": properties.get("GroupName"),
        "name": properties.get("Name", name),
    }
    known = [group for group in backend.schedule_groups.values() if wanted["name"] in group.schedules]
    if is_new:
        if known:
            raise ValidationError(message=f"{wanted['name']} already exists")
        backend.create_schedule(**wanted, action_after_completion=None)
    else:
        backend.update_schedule(**wanted)
    return wanted["name"], {}


def remove_schedule(backend, name):
    for group in backend.schedule_groups.values():
        group.schedules.pop(name, None)


def schedule_group(backend, properties, name, is_new):
    name = properties.get("Name", name)
    group = backend.create_schedule_group(name, []) if is_new else backend.schedule_groups[name]
    return name, {"Arn": group.arn}


def log_group(backend, properties, _, __):
    name = properties["LogGroupName"]
    if name not in backend.groups:
        backend.create_log_group(name, {})
    backend.put_retention_policy(name, str(properties["RetentionInDays"]))
    return name, {}


def topic_policy(backend, properties, name, _):
    for topic in properties["Topics"]:
        backend.set_topic_attribute(topic, "_policy_json", properties["PolicyDocument"])
    return name, {}


def query(properties):
    stat = properties.get("MetricStat")
    if stat:
        metric = stat["Metric"]
        dimensions = [cloudwatch.Dimension(one["Name"], one["Value"]) for one in metric["Dimensions"]]
        metric = cloudwatch.Metric(metric["MetricName"], metric["Namespace"], dimensions)
        stat = cloudwatch.MetricStat(metric, stat["Period"], stat["Stat"], None)
    returns = properties.get("ReturnData")
    return cloudwatch.MetricDataQuery(properties["Id"], None, None, returns, properties.get("Expression"), stat)


def alarm(backend, properties, name, _):
    name = properties.get("AlarmName", name)
    backend.put_metric_alarm(
        name=name,
        namespace=properties.get("Namespace"),
        metric_name=properties.get("MetricName"),
        comparison_operator=properties["ComparisonOperator"],
        evaluation_periods=int(properties["EvaluationPeriods"]),
        period=properties.get("Period"),
        threshold=properties["Threshold"],
        statistic=properties.get("Statistic"),
        description=properties["AlarmDescription"],
        dimensions=remap_nested_keys(properties.get("Dimensions", []), pascal_to_camelcase),
        alarm_actions=properties.get("AlarmActions", []),
        metric_data_queries=[query(one) for one in properties.get("Metrics", [])] or None,
        ok_actions=properties.get("OKActions", []),
        treat_missing_data=properties["TreatMissingData"],
    )
    return name, {}


def task_definition(backend, properties, _, __):
    names = "Family", "ContainerDefinitions", "Volumes", "NetworkMode", "RequiresCompatibilities", "RuntimePlatform"
    sizes = {"cpu": str(properties["Cpu"]), "memory": str(properties["Memory"])}
    made = backend.register_task_definition(
        **{
            "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]: remap_nested_keys(
                properties.get(name), pascal_to_camelcase
            )
            for name in names
        },
        **sizes,
        task_role_arn=properties["TaskRoleArn"],
        execution_role_arn=properties["ExecutionRoleArn"],
        ephemeral_storage=remap_nested_keys(properties.get("EphemeralStorage"), pascal_to_camelcase),
    )
    return made.arn, {}


def fill(type_name, put, backends, remove=lambda *_: None):
    """Makes a type of which an update is a further put."""

    def create(cls, name, template, account, region, **_):
        return update_resource(cls(), name, template["Properties"], account, region, True)

    def update(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        properties, known = cloudformation_json["Properties"], original_resource.physical_resource_id
        is_new = properties.get("Name", known) != known
        if is_new:
            remove(backends[account_id][region_name], known)
        return update_resource(original_resource, known, properties, account_id, region_name, is_new)

    def update_resource(resource, name, properties, account, region, is_new):
        backend = backends[account][region]
        resource.physical_resource_id, resource.attributes = put(backend, properties, name, is_new)
        return resource

    members = {
        "cloudformation_name_type": staticmethod(lambda: None),
        "cloudformation_type": staticmethod(lambda: type_name),
        "create_from_cloudformation_json": classmethod(create),
        "update_from_cloudformation_json": classmethod(update),
        "delete_from_cloudformation_json": classmethod(lambda *_: None),
        "delete": lambda self, account, region: remove(backends[account][region], self.physical_resource_id),
        "has_cfn_attr": classmethod(lambda cls, name: name == "Arn"),
        "get_cfn_attribute": lambda self, name: self.attributes[name],
        "is_created": lambda self: True,
    }
    FILLED[type_name] = type(type_name.split(":")[-1], (CloudFormationModel,), members)


FILLED = {}
fill("AWS::Scheduler::Schedule", schedule, scheduler_backends, remove_schedule)
fill("AWS::Scheduler::ScheduleGroup", schedule_group, scheduler_backends)
fill("AWS::Logs::LogGroup", log_group, logs_backends)
fill("AWS::SNS::TopicPolicy", topic_policy, sns_backends)
fill("AWS::CloudWatch::Alarm", alarm, cloudwatch.cloudwatch_backends, lambda backend, name: backend.delete_alarms([name]))
fill("AWS::ECS::TaskDefinition", task_definition, ecs_backends)
known_types = {model.cloudformation_type(): model for model in CloudFormationModel.__subclasses__()}
parsing.get_model_map = lambda: known_types | FILLED


def after(owner, name, then):
    """Runs something after a method of moto, with its result."""
    method = getattr(owner, name)
    bound = classmethod if hasattr(method, "__func__") else lambda function: function

    def both(*args, **kwargs):
        own = args[1:] if bound is classmethod else args
        return then(method(*own, **kwargs), *own)

    setattr(owner, name, bound(both))


def complete_role(role, _, template, account, __, **___):
    properties, backend = template["Properties"], iam_backends[account]["aws"]
    for policy in properties.get("Policies", []):
        role.put_policy(policy["PolicyName"], json.dumps(policy["PolicyDocument"]))
    for arn in properties.get("ManagedPolicyArns", []):
        if arn in backend.managed_policies:
            backend.attach_role_policy(arn, role.name)
    return role


def complete_table(table, name, template, account, region, **_):
    backend, properties = dynamodb_backends[account][region], template["Properties"]
    backend.update_time_to_live(name, properties["TimeToLiveSpecification"])
    backend.update_continuous_backups(name, properties["PointInTimeRecoverySpecification"])
    return table


def add_modified(actions, resources, template, *_):
    """A resource can change with another one that it names. Only the types of this file can be put again."""
    actions["Modify"] = [
        name
        for name, resource in resources._resource_json_map.items()
        if resources._parsed_resources.get(name) is not None
        and (name in actions["Modify"] or (resource["Type"] in FILLED and name in template["Resources"]))
    ]
    return actions


def without_none(cleaned, *_):
    return [item for item in cleaned if item is not None] if isinstance(cleaned, list) else cleaned


def keep(resources):
    for name, resource in resources._resource_json_map.items():
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
            resource["DeletionPolicy"] = "Retain"
        elif resource["Type"] == "AWS::IAM::Role":
            # A role with a condition may not be there.
            made = resources._parsed_resources.get(name)
            for policy in list(made.managed_policies.values()) if made is not None else []:
                policy.detach_from(made)


after(Role, "create_from_cloudformation_json", complete_role)
after(Table, "create_from_cloudformation_json", complete_table)
after(parsing, "clean_json", without_none)
def make_outputs(_, change_set):
    stack = change_set.stack
    stack.template_dict = change_set.template_dict
    stack.output_map = stack._create_output_map()


after(models.FakeChangeSet, "apply", make_outputs)
diff = parsing.ResourceMap.build_resource_diff
parsing.ResourceMap.build_resource_diff = lambda self, template, parameters=None: add_modified(
    diff(self, template, parameters), self, template
)
delete = parsing.ResourceMap.delete
parsing.ResourceMap.delete = lambda self: (keep(self), delete(self))[1]
StateMachine.get_cfn_attribute = lambda self, name: self.arn
# A container on Fargate need not have a memory of its own, without which moto starts no task.
EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(
    lambda _: {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}
)
