"""Deploys the SAM template to ministack and checks what the function does. Called by `scripts/deploy-local`."""

import json
import os
import pathlib
import random
import re
import sys
import time

import boto3
from botocore.config import Config
from cfnlint.decode import cfn_yaml
from samtranslator.translator.transform import transform

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEMPLATE = ROOT / "keyrot-lambda" / "deploy" / "sam" / "template.yaml"
REGION = "eu-central-1"
ELSEWHERE = "eu-west-1"
# The emulator's clock is the machine's: an old key has to be gone within seconds.
SETTINGS = f"""
allow_short_waits = true
overlap = "3s"
recent_use = "1s"
soak = "3s"
probe_for = "500ms"
settle = "2s"
probe_limit = "2s"
max_age = "3m"
idle = "10s"

[[destination]]
name = "parameters"
kind = "ssm"
users = ["ci-*"]
to = "/copies/{{user}}"

[[destination]]
name = "elsewhere"
kind = "secrets_manager"
users = ["ci-*"]
to = "copies/{{user}}"
region = "{ELSEWHERE}"
"""


def main(zip_file, arch):
    endpoint = os.environ["KEYROT_TEST_MINISTACK"]
    account = "".join(random.choices("123456789", k=12))
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="any", region_name=REGION)
    config = Config(retries={"total_max_attempts": 1}, read_timeout=900)
    aws = {
        name: session.client(name, endpoint_url=endpoint, config=config)
        for name in ("cloudformation", "cloudwatch", "iam", "lambda", "logs", "s3", "secretsmanager", "sns", "sqs", "ssm", "sts")
    }
    aws["elsewhere"] = session.client("secretsmanager", endpoint_url=endpoint, config=config, region_name=ELSEWHERE)
    say(f"account {account} on {endpoint}")
    deploy(aws, account, zip_file, arch)
    mailbox = subscribe(aws)
    for user in ("ci-deployer", "ci-tester"):
        aws["iam"].create_user(UserName=user, Tags=[{"Key": "RotateKey", "Value": "True"}])
        aws["iam"].create_access_key(UserName=user)
    aws["iam"].create_user(UserName="jane")
    aws["iam"].create_access_key(UserName="jane")

    plan = invoke(aws, {"dry_run": True})
    check("a dry run says that two users are due", plan["counts"]["due"] == 2 and plan["counts"]["users"] == 2, plan)
    check("and makes no secret", not secrets(aws))

    say("waiting for the schedule, at most two minutes")
    until(lambda: len(secrets(aws)) == 2, 130)
    check("the schedule made both users' secrets, and none for the user without the tag", sorted(secrets(aws)), None)
    until(lambda: all(works(session, endpoint, config, aws, user) for user in ("ci-deployer", "ci-tester")), 60)
    check("a consumer who reads the secret has a key that works", True)

    until(lambda: sweep(aws) and all(len(keys(aws, user)) == 1 for user in ("ci-deployer", "ci-tester")), 90)
    check("the old keys are gone, and the published ones work", works(session, endpoint, config, aws, "ci-deployer"))
    until(lambda: all(copies(aws, user) == [published(aws, user)] * 2 for user in ("ci-deployer", "ci-tester")), 30)
    check("their destinations have the same keys", True)
    check("the user without the tag has the key that she had", len(keys(aws, "jane")) == 1)

    orders(aws)
    block(aws, mailbox)
    metrics(aws)
    alarms(aws, mailbox)
    no_secrets_in_logs(aws)
    print("everything holds")


def deploy(aws, account, zip_file, arch):
    aws["s3"].create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": REGION})
    aws["s3"].upload_file(zip_file, "code", "bootstrap.zip")
    aws["ssm"].put_parameter(Name="/keyrot/config", Value=SETTINGS, Type="SecureString")
    template = json.loads(json.dumps(cfn_yaml.load(str(TEMPLATE))))
    template["Resources"]["Function"]["Properties"]["CodeUri"] = "s3://code/bootstrap.zip"
    # The emulator has no TLS, and the topic would refuse every message.
    topic = template["Resources"]["TopicPolicy"]["Properties"]["PolicyDocument"]
    topic["Statement"] = [one for one in topic["Statement"] if one["Sid"] != "OverTlsOnly"]
    os.environ["AWS_DEFAULT_REGION"] = REGION
    parameters = {
        "Architecture": arch,
        "ConfigParameter": "/keyrot/config",
        "ScheduleExpression": "rate(1 minute)",
        "RunInterval": "1s",
        "RotationFunction": "true",
        "AlarmEmail": "ops@example.com",
        "DestinationParameterArns": f"arn:aws:ssm:{REGION}:{account}:parameter/copies/*",
        "DestinationSecretArns": f"arn:aws:secretsmanager:{ELSEWHERE}:{account}:secret:copies/*",
    }
    body = json.dumps(transform(template, {}, NoManagedPolicies()))
    aws["cloudformation"].create_stack(
        StackName="keyrot",
        TemplateBody=body,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )

    def stack():
        return aws["cloudformation"].describe_stacks(StackName="keyrot")["Stacks"][0]

    until(lambda: not stack()["StackStatus"].endswith("IN_PROGRESS"), 120)
    reasons = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in aws["cloudformation"].describe_stack_events(StackName="keyrot")["StackEvents"]
        if "FAILED" in event["ResourceStatus"] and event.get("ResourceStatusReason")
    ]
    check("the stack is deployed", stack()["StackStatus"] == "CREATE_COMPLETE", reasons)
    alarms = sorted(alarm["AlarmName"] for alarm in aws["cloudwatch"].describe_alarms()["MetricAlarms"])
    check("with its alarms", alarms == [f"keyrot-{name}" for name in ("blocked", "errors", "heartbeat", "oldest-key")], alarms)


class NoManagedPolicies:
    """The template names none, so there is nothing to look up."""

    def load(self):
        return {}


def subscribe(aws):
    """A queue that gets the mails that people would get."""
    outputs = aws["cloudformation"].describe_stacks(StackName="keyrot")["Stacks"][0]["Outputs"]
    topic = next(output["OutputValue"] for output in outputs if output["OutputKey"] == "TopicArn")
    queue = aws["sqs"].create_queue(QueueName="mailbox")["QueueUrl"]
    arn = aws["sqs"].get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    aws["sqs"].set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    aws["sns"].subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return queue


def orders(aws):
    """This emulator's RotateSecret calls no function, so this checks only the permission to call it; keyrot-lambda's own tests cover whole rotations."""
    policy = json.loads(aws["lambda"].get_policy(FunctionName="keyrot")["Policy"])
    callers = [statement["Principal"].get("Service") for statement in policy["Statement"]]
    check("Secrets Manager may call the function", "secretsmanager.amazonaws.com" in callers, policy)
    arn = aws["secretsmanager"].describe_secret(SecretId="/iam/ci-tester/access_key")["ARN"]
    order = {"Step": "createSecret", "SecretId": arn, "ClientRequestToken": "51f72378-6a5d-5dc7-8fd8-29e4319f482a"}
    answer = aws["lambda"].invoke(FunctionName="keyrot", Payload=json.dumps(order))
    body = json.loads(answer["Payload"].read())
    refused = "FunctionError" in answer and "rotation is not switched on" in body["errorMessage"]
    check("an order for a secret whose rotation is off is refused", refused, body)


def block(aws, mailbox):
    """A blocked user is reported."""
    aws["iam"].create_user(UserName="two-keys", Tags=[{"Key": "RotateKey", "Value": "True"}])
    for _ in range(2):
        aws["iam"].create_access_key(UserName="two-keys")
    answer = invoke(aws, {})
    check("two unknown keys block their user, and no one else", answer["counts"]["blocked"] == 1 and answer["result"] == "blocked", answer)
    found = []

    def told():
        for message in aws["sqs"].receive_message(QueueUrl=mailbox, MaxNumberOfMessages=10).get("Messages", []):
            body = json.loads(message["Body"])
            found.append(f"{body.get('Subject')}\n{body.get('Message')}")
        return any("two-keys" in text for text in found)

    until(told, 30, lambda: (found, log(aws)[-6:], answer["notifier_failures"]))
    check("the topic got a message with the user's name and what to do", any("To do:" in text for text in found if "two-keys" in text), found)


def metrics(aws):
    def names():
        found = aws["cloudwatch"].list_metrics(Namespace="keyrot")["Metrics"]
        return {metric["MetricName"] for metric in found}

    wanted = {"UsersSelected", "UsersBlocked", "KeysRotated", "OldestKeyAge", "RunTime"}
    lines = [json.loads(line) for line in log(aws) if line.startswith("{") and "CloudWatchMetrics" in line]
    check("each sweep wrote a line of metrics", lines and wanted <= lines[-1].keys(), lines[-1:] or log(aws)[-5:])
    if not wanted <= names():
        say("not seen here: metrics in CloudWatch, because this emulator takes none from log lines")


def alarms(aws, mailbox):
    """CloudWatch extracts metrics from log lines; this emulator does not, so this does it, from the function's own lines."""

    def state(name):
        return aws["cloudwatch"].describe_alarms(AlarmNames=[f"keyrot-{name}"])["MetricAlarms"][0]["StateValue"]

    before = {name: state(name) for name in ("blocked", "heartbeat", "oldest-key")}
    for line in (json.loads(line) for line in log(aws) if line.startswith("{") and "CloudWatchMetrics" in line):
        for one in line["_aws"]["CloudWatchMetrics"]:
            dimensions = [{"Name": name, "Value": line[name]} for name in one["Dimensions"][0]]
            data = [
                {"MetricName": metric["Name"], "Dimensions": dimensions, "Value": line[metric["Name"]], "Unit": metric["Unit"]}
                for metric in one["Metrics"]
            ]
            aws["cloudwatch"].put_metric_data(Namespace=one["Namespace"], MetricData=data)
    wanted = {"blocked": "ALARM", "heartbeat": "OK", "oldest-key": "OK"}
    until(lambda: all(state(name) == value for name, value in wanted.items()), 60, lambda: {name: state(name) for name in wanted})
    check(f"with the function's metrics the alarms go from {before} to {wanted}", before["blocked"] != "ALARM", before)
    found = []

    def rung():
        for message in aws["sqs"].receive_message(QueueUrl=mailbox, MaxNumberOfMessages=10).get("Messages", []):
            found.append(message["Body"])
        return any("keyrot-blocked" in text for text in found)

    until(rung, 30, lambda: found)
    check("and the topic got the alarm", True)


def no_secrets_in_logs(aws):
    text = "\n".join(log(aws))
    values = [published(aws, user)["SecretAccessKey"] for user in ("ci-deployer", "ci-tester")]
    check("no secret is in the log", text and not any(value in text for value in values))
    check("and every line is JSON or Lambda's own", all(re.match(r"\{|START|END|REPORT|INIT_START", line) for line in log(aws)), log(aws)[-5:])


def log(aws):
    events = aws["logs"].get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/keyrot")
    return [line for page in events for event in page["events"] for line in event["message"].splitlines() if line]


def invoke(aws, event):
    answer = aws["lambda"].invoke(FunctionName="keyrot", Payload=json.dumps(event))
    body = json.loads(answer["Payload"].read())
    check(f"the function answers {json.dumps(event)}", "FunctionError" not in answer, body)
    return body


def sweep(aws):
    """Makes a pass that may run at the same time as the scheduled one; its result does not matter."""
    aws["lambda"].invoke(FunctionName="keyrot", Payload=json.dumps({"users": ["ci-deployer", "ci-tester"]}))
    return True


def secrets(aws):
    return [secret["Name"] for secret in aws["secretsmanager"].list_secrets()["SecretList"]]


def published(aws, user):
    return json.loads(aws["secretsmanager"].get_secret_value(SecretId=f"/iam/{user}/access_key")["SecretString"])


def copies(aws, user):
    parameter = aws["ssm"].get_parameter(Name=f"/copies/{user}", WithDecryption=True)["Parameter"]["Value"]
    secret = aws["elsewhere"].get_secret_value(SecretId=f"copies/{user}")["SecretString"]
    return [json.loads(parameter), json.loads(secret)]


def keys(aws, user):
    return [key["AccessKeyId"] for key in aws["iam"].list_access_keys(UserName=user)["AccessKeyMetadata"]]


def works(session, endpoint, config, aws, user):
    key = published(aws, user)
    if "AccessKeyId" not in key:
        return False
    consumer = boto3.Session(
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"], region_name=session.region_name
    )
    arn = consumer.client("sts", endpoint_url=endpoint, config=config).get_caller_identity()["Arn"]
    return arn.endswith(f":user/{user}")


def until(done, seconds, found=lambda: None):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            sys.exit(f"not so within {seconds} seconds: {json.dumps(found(), indent=1, default=str)}")
        time.sleep(1)


def check(what, holds, found=None):
    if not holds:
        sys.exit(f"NOT SO: {what}\n{json.dumps(found, indent=1, default=str)}")
    say(what)


def say(what):
    print(f"· {what}", flush=True)


main(*sys.argv[1:])
