"""docs/aws.md: its JSON can be read, and its policies allow what the program asks of a bucket, and little else."""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "aws.md").read_text()
# What S3 asks for: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
ACTIONS = {
    "get_object": {"s3:GetObject"},
    "head_object": {"s3:GetObject"},
    "download_file": {"s3:GetObject"},
    "put_object": {"s3:PutObject"},
    "upload_file": {"s3:PutObject", "s3:AbortMultipartUpload"},
    "copy": {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"},
    "delete_object": {"s3:DeleteObject"},
    "delete_objects": {"s3:DeleteObject"},
    "list_objects_v2": {"s3:ListBucket"},
}
OF_THE_BUCKET = {"s3:ListBucket", "s3:GetBucketLocation"}


def snippets(page=PAGE):
    return [json.loads(text) for text in re.findall(r"```json\n(.+?)```", page, re.S)]


def named(name):
    """The JSON that follows the name of its file."""
    return json.loads(re.search(rf"`{re.escape(name)}`.*?```json\n(.+?)```", PAGE, re.S)[1])


def allowed(policy):
    """(action, resource) of all that it allows."""
    found = set()
    for one in policy["Statement"]:
        assert one["Effect"] == "Allow"
        actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
        found |= {(action, one["Resource"]) for action in actions}
    return found


def asked():
    """The methods of boto3's client that the program calls."""
    tree = ast.parse((ROOT / "spark_app" / "storage" / "bucket.py").read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            target = node.func.value
            if isinstance(target, ast.Call) and getattr(target.func, "id", "") == "_client":
                found.add(node.args[0].value if node.func.attr == "get_paginator" else node.func.attr)
    return found


def test_every_json_can_be_read_and_names_what_it_is():
    assert len(snippets()) == 7
    for one in snippets():
        if "Statement" in one:
            assert one["Version"] == "2012-10-17"
            assert all(statement["Effect"] in ("Allow", "Deny") for statement in one["Statement"])


def test_the_role_may_do_what_the_program_asks_of_a_bucket_and_no_more():
    needed = set().union(*(ACTIONS[method] for method in asked()))
    actions = {action for action, _ in allowed(named("role.json"))}
    assert needed <= actions
    assert actions - needed == {"s3:GetBucketLocation"}


@pytest.mark.parametrize("name", ["role.json", "serve.json"])
def test_what_is_of_the_bucket_is_allowed_on_it_and_what_is_of_objects_below_the_prefix(name):
    for action, resource in allowed(named(name)):
        assert resource == "arn:aws:s3:::your-bucket" if action in OF_THE_BUCKET else "/millstream/" in resource
        assert "*" not in action


def test_who_serves_may_write_into_the_inbox_alone():
    written = {(action, resource) for action, resource in allowed(named("serve.json")) if "Put" in action}
    assert written == {("s3:PutObject", "arn:aws:s3:::your-bucket/millstream/data/inbox/*")}
    assert "s3:DeleteObject" not in {action for action, _ in allowed(named("serve.json"))}


def test_the_bucket_is_closed_to_the_public_and_to_who_does_not_speak_tls():
    assert set(named("block.json").values()) == {True} and len(named("block.json")) == 4
    (rule,) = named("bucket.json")["Statement"]
    assert (rule["Effect"], rule["Principal"], rule["Action"]) == ("Deny", "*", "s3:*")
    assert rule["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert rule["Resource"] == ["arn:aws:s3:::your-bucket", "arn:aws:s3:::your-bucket/*"]


def test_the_page_on_buckets_says_the_same():
    (policy,) = snippets((ROOT / "docs" / "s3.md").read_text())
    assert allowed(policy) == allowed(named("role.json"))


def test_the_image_takes_what_the_page_builds_it_with():
    said = re.search(r"docker build --build-arg (\w+)=yes --tag (\S+) ", PAGE)
    assert re.search(rf"^ARG {said[1]}=", (ROOT / "Dockerfile").read_text(), re.M)
    assert said[2] in (ROOT / "docker-compose.yml").read_text()


def test_accounts_that_take_a_role_are_in_the_manifest():
    (trust,) = [one for one in snippets() if "WebIdentity" in json.dumps(one)]
    held = trust["Statement"][0]["Condition"]["StringEquals"]
    (subjects,) = [value for name, value in held.items() if name.endswith(":sub")]
    manifest = (ROOT / "deploy" / "kubernetes" / "millstream.yaml").read_text()
    assert subjects == ["system:serviceaccount:millstream:app", "system:serviceaccount:millstream:executor"]
    assert all(f"kind: ServiceAccount\nmetadata:\n  name: {name}\n" in manifest for name in ("app", "executor", "api"))
