"""Checks the policies in the deployment's files with parliament, and that each .tf file can be parsed. Called by `scripts/test deploy`."""

import json
import pathlib
import re
import sys

import hcl2
import parliament
from cfnlint.decode import cfn_yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "keyrot-lambda" / "deploy"

# Findings that are meant so: (Sid, parliament's issue) and why.
EXCUSED = {
    ("SeeLastUse", "RESOURCE_STAR"): "GetAccessKeyLastUsed names a key and no user, and only reads a date",
}

# What the places left open may come to be.
SAMPLES = {
    "Partition": "aws",
    "AccountId": "123456789012",
    "Region": "eu-central-1",
    "PathPrefix": "/ci/",
    "TagKey": "RotateKey",
    "TagValue": "True",
    "SecretNames": "/iam/*/access_key",
    "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "ConfigParameter": "/keyrot/config",
    "TopicKey.Arn": "arn:aws:kms:eu-central-1:123456789012:key/4321abcd-12ab-34cd-56ef-1234567890ab",
    "Topic": "arn:aws:sns:eu-central-1:123456789012:alarms",
    "LogGroup": "/aws/lambda/keyrot",
    "NotifyTopics": 'arn:aws:sns:eu-central-1:123456789012:a", "arn:aws:sns:eu-central-1:123456789012:b',
    "NotifyBuses": "arn:aws:events:eu-central-1:123456789012:event-bus/default",
    "NotifySecrets": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:keyrot/slack-AbCdEf",
    "NotifyParameters": "arn:aws:ssm:eu-central-1:123456789012:parameter/keyrot/teams",
}


def main():
    problems = []
    used = set()
    policies = [("docs/policy.md", documented()), *sam_policies()]
    for where, text in policies:
        problems += [f"{where}: {problem}" for problem in lint(text, used)]
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
    print(f"{len(policies)} policies linted, {len(files)} Terraform files parsed, {len(problems)} problems")
    return 1 if problems else 0


def documented():
    text = (ROOT / "docs" / "policy.md").read_text()
    return re.search(r"```json\n(\{\s*\"Version\".*?)```", text, re.DOTALL)[1].replace("ACCOUNT", "123456789012").replace("REGION", "eu-central-1")


def sam_policies():
    template = cfn_yaml.load(str(DEPLOY / "sam" / "template.yaml"))
    for entry in template["Resources"]["Role"]["Properties"]["Policies"]:
        policy = entry["Fn::If"][1] if "Fn::If" in entry else entry
        text = policy["PolicyDocument"]["Fn::Sub"]
        text = text if isinstance(text, str) else text[0]
        text = re.sub(r"\$\{(?:AWS::)?([\w.]+)\}", lambda hole: SAMPLES[hole[1]], text)
        yield f"template.yaml, {policy['PolicyName']}", text


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
    """A linter that finds nothing anywhere would be no help."""
    mistakes = [("iam:ListAccessKeys", "iam:ListAccesKeys", "UNKNOWN_ACTION"), (":user/*", ":role/*", "RESOURCE_MISMATCH")]
    return all(
        any(issue in problem for problem in lint(documented().replace(right, wrong), set())) for right, wrong, issue in mistakes
    )


if __name__ == "__main__":
    sys.exit(main())
