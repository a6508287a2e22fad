"""Checks the policies in the deployment's files with parliament, what destinations get by them, and that each .tf file can be parsed.

Called by `scripts/test deploy`.
"""

import json
import pathlib
import re
import sys

import hcl2
import parliament
from cfnlint.decode import cfn_yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "keyrot-lambda" / "deploy"

# Findings that are intended: (Sid, parliament's issue), with the reason.
EXCUSED = {
    ("SeeTasks", "RESOURCE_STAR"): "tasks are limited by their cluster, in the condition",
    ("SeeLastUse", "RESOURCE_STAR"): "GetAccessKeyLastUsed names a key and no user, and only reads a date",
}

# Values of the parameters, resources and pseudo parameters.
SAMPLES = {
    "Partition": "aws",
    "AccountId": "123456789012",
    "Region": "eu-central-1",
    "PathPrefix": "/ci/",
    "Tag": "RotateKey=True",
    "SecretName": "/iam/{user}/access_key",
    "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "ConfigParameter": "/keyrot/config",
    "TopicKey.Arn": "arn:aws:kms:eu-central-1:123456789012:key/4321abcd-12ab-34cd-56ef-1234567890ab",
    "Topic": "arn:aws:sns:eu-central-1:123456789012:alarms",
    "LogGroup": "/aws/lambda/keyrot",
    "NotifyTopicArns": "arn:aws:sns:eu-central-1:123456789012:a,arn:aws:sns:eu-central-1:123456789012:b",
    "NotifyBusArns": "arn:aws:events:eu-central-1:123456789012:event-bus/default",
    "NotifySecretArns": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:keyrot/slack-AbCdEf",
    "NotifyParameterArns": "arn:aws:ssm:eu-central-1:123456789012:parameter/keyrot/teams",
    "DestinationParameterArns": "arn:aws:ssm:eu-central-1:123456789012:parameter/ci/*/aws,arn:aws:ssm:us-east-1:123456789012:parameter/ci.*",
    "DestinationSecretArns": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/copies/*/access_key,"
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:copies/*",
    "DestinationReplicaRegions": "eu-west-1,us-gov-east-1",
    "DestinationServiceArns": "arn:aws:ecs:eu-central-1:123456789012:service/prod/shop,arn:aws:ecs:us-east-1:123456789012:service/jobs/ci-*",
    "DestinationClusterArns": "arn:aws:ecs:eu-central-1:123456789012:cluster/prod,arn:aws:ecs:us-east-1:123456789012:cluster/jobs",
    "DestinationKmsKeyArns": "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd,arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd",
    "DestinationKmsServices": "secretsmanager.eu-west-1.amazonaws.com,ssm.us-east-1.amazonaws.com",
    "DestinationRoleArns": "arn:aws:iam::210987654321:role/keyrot-deliveries,arn:aws:iam::310987654321:role/ci/keyrot",
}

# The values that `keyrot policy` prints for destinations at these places.
DELIVERIES = {
    "DeliverParameters": (
        {"ssm:GetParameter", "ssm:PutParameter"},
        {"arn:aws:ssm:eu-central-1:123456789012:parameter/ci/*/aws", "arn:aws:ssm:us-east-1:123456789012:parameter/ci.*"},
        {},
    ),
    "DeliverSecrets": (
        {
            "secretsmanager:CreateSecret",
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
            "secretsmanager:TagResource",
            "secretsmanager:UpdateSecretVersionStage",
        },
        {
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/copies/*/access_key",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/copies/*/access_key-??????",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:copies/*",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:copies/*-??????",
        },
        {},
    ),
    "ReplicateSecrets": (
        {"secretsmanager:ReplicateSecretToRegions"},
        {"arn:aws:secretsmanager:eu-central-1:123456789012:secret:/iam/*/access_key-??????"},
        {"ForAllValues:StringEquals": {"secretsmanager:AddReplicaRegions": ["eu-west-1", "us-gov-east-1"]}},
    ),
    "ReadReplicas": (
        {"secretsmanager:GetSecretValue"},
        {
            "arn:aws:secretsmanager:*:123456789012:secret:/iam/*/access_key",
            "arn:aws:secretsmanager:*:123456789012:secret:/iam/*/access_key-??????",
        },
        {
            "ForAnyValue:StringEqualsIfExists": {"secretsmanager:VersionStage": "AWSCURRENT"},
            "StringEquals": {"aws:RequestedRegion": ["eu-west-1", "us-gov-east-1"]},
        },
    ),
    "RestartServices": (
        {"ecs:DescribeServices", "ecs:UpdateService"},
        {
            "arn:aws:ecs:eu-central-1:123456789012:service/prod/shop",
            "arn:aws:ecs:us-east-1:123456789012:service/jobs/ci-*",
        },
        {},
    ),
    "SeeTasks": (
        {"ecs:ListTasks", "ecs:DescribeTasks"},
        {"*"},
        {
            "ArnLike": {
                "ecs:cluster": [
                    "arn:aws:ecs:eu-central-1:123456789012:cluster/prod",
                    "arn:aws:ecs:us-east-1:123456789012:cluster/jobs",
                ]
            }
        },
    ),
    "UseDeliveryKeys": (
        {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"},
        {"arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd", "arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd"},
        {"StringEquals": {"kms:ViaService": ["secretsmanager.eu-west-1.amazonaws.com", "ssm.us-east-1.amazonaws.com"]}},
    ),
    "AssumeDeliveryRoles": (
        {"sts:AssumeRole"},
        {"arn:aws:iam::210987654321:role/keyrot-deliveries", "arn:aws:iam::310987654321:role/ci/keyrot"},
        {},
    ),
}

# Values that would allow too much, or break the policy's text.
REFUSED = {
    "DestinationParameterArns": (
        "*",
        "arn:aws:ssm:eu-central-1:123456789012:parameter/*",
        "arn:aws:ssm:*:123456789012:parameter/ci/*",
        'arn:aws:ssm:eu-central-1:123456789012:parameter/ci", "*',
        "arn:aws:ssm:eu-central-1:123456789012:parameter/ci, arn:aws:ssm:eu-central-1:123456789012:parameter/cd",
        "arn:aws:ssm:eu-central-1:123456789012:parameter/ci,",
        "/ci/*",
    ),
    "DestinationSecretArns": (
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:*",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/*",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/copies/*-??????",
        "arn:aws:ssm:eu-central-1:123456789012:parameter/ci/*",
    ),
    "DestinationReplicaRegions": (
        "*",
        "eu-west-1, eu-west-3",
        "eu-west-*",
        'eu-west-1", "*',
    ),
    "DestinationServiceArns": (
        "arn:aws:ecs:eu-central-1:*:service/prod/shop",
        "arn:aws:ecs:eu-central-1:123456789012:service/*",
        "arn:aws:ecs:eu-central-1:123456789012:cluster/prod",
    ),
    "DestinationClusterArns": (
        "*",
        "arn:aws:ecs:eu-central-1:123456789012:service/prod/shop",
    ),
    "DestinationKmsKeyArns": (
        "arn:aws:kms:eu-west-1:123456789012:key/*",
        "arn:aws:kms:eu-west-1:123456789012:alias/keyrot",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
    "DestinationRoleArns": ("*", "arn:aws:iam::210987654321:role/*", "arn:aws:iam::210987654321:user/ci"),
    "DestinationKmsServices": ("ssm", "*", "ssm.*.amazonaws.com", "sns.eu-west-1.amazonaws.com"),
}

# The characters of all policies in a role, without white space (IAM user guide, "IAM and AWS STS quotas").
LONGEST = 10_240


def main():
    problems = []
    used = set()
    template = cfn_yaml.load(str(DEPLOY / "sam" / "template.yaml"))
    of_role = list(sam_policies(template))
    policies = [("docs/policy.md", documented()), *of_role]
    for where, text in policies:
        problems += [f"{where}: {problem}" for problem in lint(text, used)]
    problems += deliveries([text for _, text in of_role])
    problems += parameters(template["Parameters"])
    characters = sum(len(re.sub(r"\s", "", text)) for _, text in of_role)
    if characters > LONGEST:
        problems.append(f"the role's policies have {characters} characters; a role can have {LONGEST}")
    for place in EXCUSED.keys() - used:
        problems.append(f"{place} is excused here and was not found: take it off the list")
    if not lints_at_all():
        problems.append("parliament does not find mistakes that were made on purpose")
    files = sorted((DEPLOY / "terraform").glob("*.tf"))
    for path in files:
        try:
            with open(path) as file:
                hcl2.load(file)
        except Exception as problem:  # whatever the parser throws
            problems.append(f"{path.name} cannot be parsed: {problem}")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(policies)} policies linted ({characters} characters), {len(files)} Terraform files parsed, {len(problems)} problems")
    return 1 if problems else 0


def documented():
    text = (ROOT / "docs" / "policy.md").read_text()
    return re.search(r"```json\n(\{\s*\"Version\".*?)```", text, re.DOTALL)[1].replace("ACCOUNT", "123456789012").replace("REGION", "eu-central-1")


def sam_policies(template):
    for entry in template["Resources"]["Role"]["Properties"]["Policies"]:
        policy = entry["Fn::If"][1] if "Fn::If" in entry else entry
        text = policy["PolicyDocument"]["Fn::Sub"]
        text, variables = (text, {}) if isinstance(text, str) else text
        places = SAMPLES | {name: filled(value) for name, value in variables.items()}
        text = re.sub(r"\$\{(?:AWS::)?([\w.]+)\}", lambda hole: places[hole[1]], text)
        yield f"template.yaml, {policy['PolicyName']}", text


def filled(value):
    """Evaluates the functions in the template's policies, as CloudFormation does."""
    match value:
        case {"Ref": name}:
            return SAMPLES[name]
        case {"Fn::Join": [between, parts]}:
            parts = filled(parts)
            return between.join(filled(part) for part in parts)
        case {"Fn::Split": [between, text]}:
            return filled(text).split(between)
        case {"Fn::Select": [place, parts]}:
            return filled(parts)[int(place)]
    return value


def deliveries(texts):
    """The statements for destinations allow what they have to, and so do the policies on the destinations' pages."""
    statements = {one["Sid"]: one for text in texts for one in json.loads(text)["Statement"]}
    for sid, (actions, resources, condition) in DELIVERIES.items():
        one = statements[sid]
        named = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
        found = (set(one["Action"]), set(named), one.get("Condition", {}))
        if found != (actions, resources, condition):
            yield f"template.yaml: {sid} is {found}, not {(actions, resources, condition)}"
    for page, sid in (("ssm.md", "DeliverParameters"), ("secrets_manager.md", "DeliverSecrets"), ("replica.md", "ReplicateSecrets"), ("ecs.md", "RestartServices")):
        text = (ROOT / "docs" / "destinations" / page).read_text()
        actions = set(json.loads(re.search(r"```json\n(\{\s*\"Effect\".*?)```", text, re.DOTALL)[1])["Action"])
        if actions != DELIVERIES[sid][0]:
            yield f"{page}: the statement has {sorted(actions)}"


def parameters(of_sam):
    """Both templates accept the same values for the destinations' parameters, and have no such permissions by default."""
    with open(DEPLOY / "terraform" / "variables.tf") as file:
        text = file.read()
    for name, samples in SAMPLES.items():
        pattern = of_sam.get(name, {}).get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, samples):
            yield f"template.yaml: {name} refuses {samples}"
    for name, values in REFUSED.items():
        for value in values:
            if re.fullmatch(of_sam[name]["AllowedPattern"], value):
                yield f"template.yaml: {name} takes {value}"
    for name in (name for name in of_sam if name.startswith("Destination")):
        variable = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        block = re.search(rf'variable "{variable}" {{\n(.*?)\n}}', text, re.DOTALL)
        regex = block and re.search(r'regex\("\^(.*?)\$", one\)', block[1])
        if not regex:
            yield f"variables.tf has no {variable} with a pattern for each value"
            continue
        one = regex[1].replace("[0-9]{12}", r"\d{12}").replace("[.]", r"\.")
        if of_sam[name]["AllowedPattern"] != f"({one}(,{one})*)?":
            yield f"{name} and {variable} take different values"
        if of_sam[name]["Default"] != "" or not re.search(r"default +=\s\[\]", block[1]):
            yield f"{name} or {variable} is not empty by default"


def lint(text, used):
    json.loads(text)
    for finding in parliament.analyze_policy_string(text).findings:
        finding = parliament.enhance_finding(finding)
        sid = sid_of(finding, text)
        if (sid, finding.issue) in EXCUSED:
            used.add((sid, finding.issue))
        else:
            yield f"{sid}: {finding.severity} {finding.issue}: {finding.title}; {finding.detail}"


def sid_of(finding, text):
    """The statement that the finding is about: the first Sid from the line on where it begins."""
    line = finding.location.get("line") if isinstance(finding.location, dict) else None
    if not line:
        return None
    found = re.search(r'"Sid": "(\w+)"', "\n".join(text.splitlines()[line - 1 :]))
    return found[1] if found else None


def lints_at_all():
    """Checks that the linter finds mistakes at all."""
    mistakes = [("iam:ListAccessKeys", "iam:ListAccesKeys", "UNKNOWN_ACTION"), (":user/*", ":role/*", "RESOURCE_MISMATCH")]
    return all(
        any(issue in problem for problem in lint(documented().replace(right, wrong), set())) for right, wrong, issue in mistakes
    )


if __name__ == "__main__":
    sys.exit(main())
