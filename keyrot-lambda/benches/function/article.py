"""The function that keyrot is measured against: boto3, one user after the other, no pagination of keys, no verification, no waits.

It does the same as the article's function: for each tagged user it deletes the older of two keys, creates another, and puts it into
the user's secret. Only the list of users is followed to its end here, because the account has more of them than one page.
"""

import json

import boto3

iam = boto3.client("iam")
secrets = boto3.client("secretsmanager")


def handler(event, context):
    rotated = 0
    for page in iam.get_paginator("list_users").paginate():
        for user in page["Users"]:
            name = user["UserName"]
            tags = {tag["Key"]: tag["Value"] for tag in iam.list_user_tags(UserName=name)["Tags"]}
            if tags.get("RotateKey") == "True":
                rotate(name)
                rotated += 1
    return {"rotated": rotated}


def rotate(name):
    keys = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    if len(keys) == 2:
        oldest = min(keys, key=lambda key: key["CreateDate"])
        iam.delete_access_key(UserName=name, AccessKeyId=oldest["AccessKeyId"])
    made = iam.create_access_key(UserName=name)["AccessKey"]
    value = {field: made[field] for field in ("AccessKeyId", "SecretAccessKey")}
    secrets.put_secret_value(SecretId=f"/iam/{name}/access_key", SecretString=json.dumps(value))
