"""An S3 lifecycle rule against the real Terraform and AWS provider: refused, repaired; and one that is given up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hug_agents.amendment import without_blocks
from hug_agents.generation import generate
from hug_agents.prompting import fenced
from hug_agents.validate import GateResult, run_gates
from hug_agents.validate.provider_schema import resource_schema
from hug_agents.workflow import nodes
from tests.agents.scripted_amend import Amends

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("terraform") is None, reason="terraform, install from developer.hashicorp.com/terraform"
    ),
]

REQUEST = (
    "Deploy payments-api on ECS in eu-west-1 with Terraform and GitHub Actions, canary: 10 then 50 then 100 percent. It "
    "listens on port 8080, health at /healthz. The image is ghcr.io/acme/payments-api:1.4.0@sha256:"
    f"{'3f' * 32}. It needs an S3 bucket called uploads. Objects in the uploads bucket must move to Glacier after 30 days. "
    "Everybody must be able to download avatars anonymously."
)
BUCKET = "infrastructure/terraform/modules/bucket/main.tf"
POLICY = "infrastructure/terraform/modules/bucket/amendment_r6.tf"
LIFECYCLE = "aws_s3_bucket_lifecycle_configuration"
GATES = ("terraform fmt", "terraform validate", "policy pack")


def archive(storage_class: str) -> dict[str, Any]:
    content = f"""
  rule {{
    id     = "archive"
    status = "Enabled"

    filter {{}}

    transition {{
      days          = 30
      storage_class = "{storage_class}"
    }}
  }}
"""
    block = {"path": BUCKET, "after": "  depends_on = [aws_s3_bucket_versioning.this]", "content": content}
    return {"requirement": "R5", "reason": "Objects move to Glacier when they are 30 days old.", "blocks": [block]}


PUBLIC = {
    "requirement": "R6",
    "reason": "Everybody may read, as asked.",
    "files": [
        {
            "path": POLICY,
            "content": """resource "aws_s3_bucket_policy" "public" {
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.this.arn}/*"
    }]
  })
}
""",
        }
    ],
}


def test_a_lifecycle_rule_is_refused_and_repaired_and_a_public_bucket_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def real(bundle: Any, blueprint: Any, **options: Any) -> tuple[GateResult, ...]:
        return run_gates(bundle, blueprint, only=options.get("only") or GATES)

    monkeypatch.setattr(nodes, "run_gates", real)
    model = Amends(
        script=[
            {"looks": [{"tool": "file", "name": BUCKET}, {"tool": "schema", "name": LIFECYCLE}]},
            {"amendments": [archive("GLACIAL"), PUBLIC]},
            {"amendments": [archive("GLACIER"), PUBLIC]},
        ]
    )
    made = generate(REQUEST, model=model, store=tmp_path / "store", amend_rounds=1)
    assert made.verdict == "passed"
    kept, lost = made.amendments
    assert (kept.requirement, kept.state, len(kept.failed)) == ("R5", "kept", 1)
    refused = kept.failed[0].findings[0]
    assert (refused.gate, refused.file) == ("terraform validate", BUCKET) and "GLACIAL" in refused.message
    judged = made.bundle[BUCKET].content.splitlines()
    assert LIFECYCLE in judged[refused.line - 1], "the provider names the resource's line"
    assert (lost.requirement, lost.state, len(lost.failed)) == ("R6", "unmet", 2)
    assert {item.rule for item in lost.failed[0].findings} == {"HUG-A2", "HUG-A7"}
    assert POLICY not in made.bundle
    assert "resource" in without_blocks(made.bundle[BUCKET].content) and made.bundle[BUCKET].author == "Amends"

    data = fenced(str(model.seen[1][1].content))
    looked = {
        item.value()["name"]: item.value()["answer"] for name, item in data.items() if name.startswith("looked_up_")
    }
    assert looked[BUCKET] == without_blocks(made.bundle[BUCKET].content)
    schema = json.loads(looked[LIFECYCLE])
    rule = next(value for name, value in schema.items() if name.startswith("rule {}"))
    assert any(name.startswith("transition {}") for name in rule)

    cache = tmp_path / "store" / "cache" / "schemas"
    (kept_schema,) = cache.glob("aws-*.json")
    before = kept_schema.stat().st_mtime_ns
    assert "no 'aws_s3_bukket'" in resource_schema(made.bundle, "aws_s3_bukket", cache)
    assert "no provider 'evil'" in resource_schema(made.bundle, "evil_thing", cache)
    assert json.loads(resource_schema(made.bundle, "data.aws_caller_identity", cache))["account_id"]
    assert kept_schema.stat().st_mtime_ns == before, "asked once a version"
