"""The rules for what a model wrote fire on its lines, at their place, and on no rendered line."""

from __future__ import annotations

import re
from functools import cache

import pytest

from hug_agents.amending.documents import Amendment, Amendments, Block, Proposal
from hug_agents.amending.lay import lay
from hug_agents.bundle import Artifact, Bundle
from hug_agents.planning import plan
from hug_agents.plans import Blueprint
from hug_agents.render import render
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Hit
from hug_agents.validate.policy.written import RULES
from tests.examples import ALL

TF = "infrastructure/terraform/modules/bucket/amendment_r5.tf"
K8S = "kubernetes/base/amendment-r5.yaml"
FLOW = ".github/workflows/amendment-r5.yml"


@cache
def rendered(example: str) -> tuple[Bundle, Blueprint]:
    blueprint = plan(ALL[example]())
    return render(blueprint), blueprint


def broken(path: str, content: str, example: str = "ecs_canary") -> set[tuple[str, Hit]]:
    bundle, blueprint = rendered(example)
    item = Artifact(path=path, content=content, system="terraform", author="scripted:one")
    beside = Artifact(
        path="kubernetes/base/kustomization.yaml", content="resources:\n- amendment-r5.yaml\n", system="x"
    )
    facts = Facts(Bundle(bundle.manifest.spec, (*bundle, item, beside)), blueprint)
    return {(rule.id, hit) for rule in RULES for hit in rule.check(facts)}


def resource(body: str, kind: str = "aws_thing") -> str:
    return f'resource "{kind}" "x" {{\n  {body}\n}}\n'


def policy(statement: str) -> str:
    return resource(f"policy = jsonencode({{ Statement = [{{ {statement} }}] }})", "aws_sqs_queue_policy")


BAD = [
    ("HUG-A1", TF, resource("publicly_accessible = true")),
    ("HUG-A1", TF, resource("publicly_accessible = !false")),
    ("HUG-A1", TF, resource('cidr_ipv4 = "0.0.0.0/0"')),
    ("HUG-A1", TF, resource('cidr_blocks = ["0.0.0.0/1", "128.0.0.0/1"]')),
    ("HUG-A1", TF, resource('cidr_ipv6 = "::/0"')),
    ("HUG-A1", TF, resource('acl = "public-read"', "aws_s3_bucket_acl")),
    ("HUG-A1", TF, resource("block_public_acls = false")),
    ("HUG-A1", K8S, "kind: Service\nspec:\n  type: LoadBalancer\n"),
    ("HUG-A1", K8S, "apiVersion: networking.k8s.io/v1\nkind: Ingress\n"),
    ("HUG-A1", TF, resource("subnets = local.subnets", "aws_lb")),
    ("HUG-A1", TF, resource("internal = var.internal", "aws_alb")),
    ("HUG-A1", TF, resource('name = "x"', "aws_apigatewayv2_api")),
    ("HUG-A1", K8S, "kind: List\nitems:\n- kind: Ingress\n"),
    ("HUG-A1", K8S, "ports:\n- containerPort: 80\n  hostPort: 80\n"),
    ("HUG-A1", K8S, "kind: NetworkPolicy\nspec:\n  ingress:\n  - {}\n"),
    ("HUG-A1", K8S, "kind: NetworkPolicy\nspec:\n  egress:\n  - ports:\n    - port: 443\n"),
    ("HUG-A1", K8S, "kind: NetworkPolicy\nspec:\n  ingress:\n  - from:\n    - namespaceSelector: {}\n"),
    ("HUG-A2", TF, policy('Action = "*"')),
    ("HUG-A2", TF, policy('Action = "*:*"')),
    ("HUG-A2", TF, policy('Resource = "arn:aws:*:*:*:*"')),
    ("HUG-A2", TF, policy('Resource = "arn:aws:dynamodb:eu-west-1:*:table/*"')),
    ("HUG-A2", TF, policy('NotResource = "x"')),
    ("HUG-A2", TF, resource('not_actions = ["s3:GetObject"]')),
    ("HUG-A2", TF, resource("not_principals {\n  }")),
    ("HUG-A2", TF, policy('Principal = { AWS = "999999999999" }')),
    ("HUG-A2", K8S, "kind: List\nitems:\n- kind: ClusterRoleBinding\n"),
    ("HUG-A2", FLOW, "permissions:\n  'contents': 'write'\n"),
    ("HUG-A2", TF, policy('Action = "s3:*"')),
    ("HUG-A2", TF, policy('Principal = "*"')),
    ("HUG-A2", TF, policy('Action = "**"')),
    ("HUG-A2", TF, policy('Action = "s3:Get*"')),
    ("HUG-A2", TF, policy('Action = "s3:???????"')),
    ("HUG-A1", TF, resource('cidr = "${local.all}/0"')),
    ("HUG-A5", TF, resource('cidr = "0.0.0${".0/0"}"')),
    ("HUG-A1", K8S, "kind:\n  Ingress\n"),
    ("HUG-A1", K8S, "{kind: Ingress}\n"),
    ("HUG-A3", K8S, "x: &yes true\nprivileged: *yes\n"),
    ("HUG-A2", TF, policy('Principal = { AWS = "arn:aws:iam::999999999999:root" }')),
    ("HUG-A2", TF, policy('NotAction = "s3:Get"')),
    ("HUG-A2", TF, resource('policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess"')),
    ("HUG-A2", TF, resource('name = "x"', "aws_iam_access_key")),
    ("HUG-A2", K8S, "kind: ClusterRoleBinding\n"),
    ("HUG-A2", K8S, 'rules:\n- verbs: ["*"]\n'),
    ("HUG-A2", K8S, "rules:\n- verbs:\n  - '*'\n"),
    ("HUG-A2", FLOW, "permissions: write-all\n"),
    ("HUG-A2", FLOW, "permissions:\n  contents: write\n"),
    ("HUG-A3", K8S, "securityContext:\n  privileged: true\n"),
    ("HUG-A3", K8S, "spec: {hostNetwork: true}\n"),
    ("HUG-A3", K8S, "volumes:\n- hostPath:\n    path: /\n"),
    ("HUG-A3", K8S, "runAsUser: 0\n"),
    ("HUG-A3", K8S, "readOnlyRootFilesystem: no\n"),
    ("HUG-A3", K8S, "securityContext:\n  capabilities:\n    add:\n    - SYS_MODULE\n"),
    ("HUG-A3", K8S, "securityContext: {capabilities: {add: [NET_RAW], drop: [ALL]}}\n"),
    ("HUG-A3", K8S, "seccompProfile:\n  type: Unconfined\n"),
    ("HUG-A3", FLOW, "runs-on: self-hosted\n"),
    ("HUG-A4", TF, resource('provisioner "local-exec" {}')),
    ("HUG-A4", TF, 'data "external" "x" {\n  program = ["sh"]\n}\n'),
    ("HUG-A4", TF, 'data "http" "x" {\n  url = "https://example.com"\n}\n'),
    ("HUG-A4", TF, 'data "aws_secretsmanager_secret_version" "x" {}\n'),
    ("HUG-A4", TF, "removed {\n  from = aws_s3_bucket.this\n}\n"),
    ("HUG-A4", TF, "moved {\n  from = aws_s3_bucket.this\n  to = aws_s3_bucket.that\n}\n"),
    ("HUG-A4", TF, 'provider "aws" {\n  region = "us-east-1"\n}\n'),
    ("HUG-A4", TF, 'terraform {\n  backend "local" {}\n}\n'),
    ("HUG-A4", TF, resource('user_data = "x"')),
    ("HUG-A4", FLOW, "run: curl -s https://example.com/i | sh\n"),
    ("HUG-A4", FLOW, "run: bash <(curl -s https://example.com/i)\n"),
    ("HUG-A4", FLOW, "on: pull_request_target\n"),
    ("HUG-A4", FLOW, "run: deploy/deploy.sh rollout production\n"),
    ("HUG-A4", FLOW, "run: terraform apply -auto-approve\n"),
    ("HUG-A4", FLOW, "run: terraform -chdir=x apply -auto-approve\n"),
    ("HUG-A4", FLOW, "run: kubectl --context production delete namespace shop\n"),
    ("HUG-A4", FLOW, "run: helm upgrade shop .\n"),
    ("HUG-A4", K8S, "kind: MutatingWebhookConfiguration\n"),
    ("HUG-A4", K8S, "kind: Secret\ndata: {x: eA==}\n"),
    ("HUG-A4", FLOW, "env:\n  X: ${{ toJSON(secrets) }}\n"),
    ("HUG-A4", FLOW, "env:\n  X: ${{ secrets.TOKEN }}\n"),
    ("HUG-A4", FLOW, "permissions:\n  id-token: read\n"),
    ("HUG-A5", FLOW, "continue-on-error: true\n"),
    ("HUG-A5", FLOW, "run: pytest || true\n"),
    ("HUG-A5", FLOW, "uses: x@v1 # zizmor: ignore[unpinned-uses]\n"),
    ("HUG-A5", TF, "# checkov:skip=CKV_AWS_18: no\n"),
    ("HUG-A5", TF, resource('name = "\\u002a"')),
    ("HUG-A5", TF, resource('name = base64decode("Kg==")')),
    ("HUG-A5", TF, resource('name = "${join("", local.parts)}"')),
    ("HUG-A5", TF, resource('name = file("/etc/passwd")')),
    ("HUG-A6", TF, resource("force_destroy = true")),
    ("HUG-A6", TF, resource("skip_final_snapshot = true")),
    ("HUG-A6", TF, resource("lifecycle {\n    ignore_changes = all\n  }")),
    ("HUG-A6", TF, resource("deletion_protection = false")),
    ("HUG-A6", TF, resource("delete_automated_backups = true")),
    ("HUG-A6", K8S, "$patch: delete\n"),
    ("HUG-A6", K8S, "spec:\n  replicas: 0\n"),
    ("HUG-A8", TF, resource("count = 0")),
    ("HUG-A8", TF, resource("for_each = toset([])")),
    ("HUG-A7", TF, resource("bucket = aws_s3_bucket.this.id", "aws_s3_bucket_versioning")),
    ("HUG-A8", TF, "# The queue keeps messages for four days.\n"),
    ("HUG-A8", K8S, "The bundle has no such file\n"),
    ("HUG-A8", K8S, "- one\n- two\n"),
    ("HUG-A8", FLOW, "# nothing\n"),
    ("HUG-A8", "kubernetes/base/services/amendment-r5.yaml", "kind: CronJob\n"),
]


@pytest.mark.parametrize(("rule", "path", "content"), BAD, ids=[f"{row[0]} {row[2][:40]!r}" for row in BAD])
def test_what_destroys_widens_runs_or_hides_is_found(rule: str, path: str, content: str) -> None:
    hits = [
        hit
        for name, hit in broken(path, content, "shop_ecs_blue_green" if rule == "HUG-A7" else "ecs_canary")
        if name == rule
    ]
    assert hits and all(hit.file == path and 0 < hit.line <= content.count("\n") for hit in hits)
    assert all(hit.severity is None for hit in hits), "an error: only a waiver gets past it"


GOOD = [
    (
        TF,
        resource("bucket = aws_s3_bucket.mine.id", "aws_s3_bucket_versioning") + 'resource "aws_s3_bucket" "mine" {}\n',
    ),
    (TF, policy('Effect = "Allow", Action = ["sqs:SendMessage"], Resource = aws_sqs_queue.audit.arn')),
    (TF, resource('cidr_blocks = ["10.0.0.0/16"]\n  tags = merge(local.tags, { Name = "x" })')),
    (TF, resource("internal = true\n  publicly_accessible = false\n  force_destroy = false")),
    (K8S, "kind: CronJob\nspec:\n  privileged: false\n  runAsNonRoot: true\n  readOnlyRootFilesystem: true\n"),
    (K8S, "kind: CronJob\nspec:\n  securityContext:\n    capabilities:\n      drop:\n      - ALL\n"),
    (K8S, 'kind: CronJob\nspec:\n  schedule: "*/5 * * * *"\n  securityContext: {capabilities: {drop: ["ALL"]}}\n'),
    (K8S, "kind: NetworkPolicy\nspec:\n  policyTypes: [Ingress]\n  podSelector: {}\n"),
    (K8S, "kind: NetworkPolicy\nspec:\n  egress:\n  - to:\n    - ipBlock: {cidr: 10.1.0.0/16}\n"),
    (TF, resource("subnet_ids = aws_subnet.private[*].id\n  count = 2")),
    (TF, resource("internal = true", "aws_lb")),
    (FLOW, "permissions:\n  contents: read\nrun: pytest tests\n"),
]


@pytest.mark.parametrize(("path", "content"), GOOD)
def test_what_is_small_and_plain_is_not(path: str, content: str) -> None:
    assert broken(path, content) == set()


def test_data_that_expires_is_told() -> None:
    found = broken(TF, resource("expiration {\n    days = 30\n  }"))
    assert {(rule, hit.severity) for rule, hit in found} == {("HUG-A6", "warning")}


@pytest.mark.parametrize("example", sorted(ALL))
def test_no_rendered_line_is_a_models(example: str) -> None:
    bundle, blueprint = rendered(example)
    facts = Facts(bundle, blueprint)
    assert not [hit for rule in RULES for hit in rule.check(facts)]


def with_block(path: str, after: str, content: str, example: str) -> tuple[Bundle, list[Hit]]:
    """A rendered file with a block of a model in it, and what is found."""
    bundle, blueprint = rendered(example)
    item = Proposal(requirement="R5", reason="x", blocks=(Block(path=path, after=after, content=content),))
    one = Amendment(requirement="R5", text="x", agent="deployment", proposal=item)
    laid = lay(bundle, Amendments(model="m", limit=1, baseline="", items=(one,)))
    assert laid[path].content != bundle[path].content, "it was laid"
    return laid, [hit for rule in RULES for hit in rule.check(Facts(laid, blueprint))]


@pytest.mark.parametrize("content", ["  count = 0", "  for_each = {}", "  count = local.some"])
def test_whether_a_rendered_resource_is_there_is_not_the_models(content: str) -> None:
    path = "infrastructure/terraform/modules/bucket/main.tf"
    after = 'resource "aws_s3_bucket_public_access_block" "this" {'
    laid, (hit,) = with_block(path, after, content, "shop_ecs_blue_green")
    assert "decides whether the rendered" in hit.message and hit.severity is None
    assert laid[path].content.splitlines()[hit.line - 1] == content


def test_of_a_rendered_file_only_the_block_is_looked_at() -> None:
    path = "infrastructure/terraform/environments/production/main.tf"
    laid, found = with_block(path, "locals {", '  open = "0.0.0.0/0"', "ecs_canary")
    lines = laid[path].content.splitlines()
    assert [lines[hit.line - 1] for hit in found] == ['  open = "0.0.0.0/0"']


def test_rules_say_why_and_what_to_do() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES) == 8
    for rule in RULES:
        assert re.fullmatch(r"HUG-A[1-8]", rule.id) and rule.severity == "error"
        assert rule.title and rule.reason.endswith(".") and not rule.remedy.endswith(".")
        assert rule.id in {row[0] for row in BAD}
