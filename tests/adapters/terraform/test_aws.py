"""The AWS provider against moto's server, over HTTP: what moto can answer, with its state and its lock in a bucket too."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hug_agents.errors import EnvironmentBusy
from tests.adapters.terraform.roots import BLUEPRINT, SECRET, STAGING, Bench, needs_terraform, root
from tests.conftest_terraform import mirror

pytestmark = [
    needs_terraform,
    pytest.mark.slow,
    pytest.mark.xdist_group("moto"),
    pytest.mark.skipif(mirror() is None, reason="no mirror holds the AWS provider: name a HUG_AGENTS_TERRAFORM_MIRROR"),
]
ROOT = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  backend "s3" {
    key          = "hello/staging/terraform.tfstate"
    use_lockfile = true
  }
}

provider "aws" {
  region                      = "eu-west-1"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

resource "aws_s3_bucket" "files" {
  bucket = "hello-files"
  tags   = { Word = "one" }
}

resource "aws_ecs_cluster" "main" {
  name = "hello"
}

resource "aws_ecs_task_definition" "api" {
  family                = "api"
  container_definitions = jsonencode([{ name = "api", image = "ghcr.io/acme/hello:one", memory = 64, essential = true }])
}

output "cluster" {
  value = aws_ecs_cluster.main.name
}
"""
TOML = """
lock_seconds = 0
[environments.staging.backend]
bucket = "state"
region = "eu-west-1"
use_path_style = true
skip_credentials_validation = true
skip_region_validation = true
skip_requesting_account_id = true
skip_metadata_api_check = true
skip_s3_checksum = true
"""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client for each service of an account that is empty but for the bucket of the state."""
    boto3 = pytest.importorskip("boto3", reason="moto is not installed: pip install 'moto[server]'")
    server = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
    running = server.ThreadedMotoServer(port=0)
    running.start()
    host, port = running.get_host_and_port()
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)

    # moto keeps what it holds in the process: a test before may have left something.
    urllib.request.urlopen(urllib.request.Request(f"{address}/moto-api/reset", method="POST"))

    def client(service: str) -> Any:
        return boto3.client(service, endpoint_url=address, region_name="eu-west-1")

    client("s3").create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    try:
        yield client
    finally:
        urllib.request.urlopen(urllib.request.Request(f"{address}/moto-api/reset", method="POST"))
        running.stop()


def test_a_life_in_an_account(aws: Any, tmp_path: Path) -> None:
    bench = Bench(tmp_path, TOML)
    s3, ecs = aws("s3"), aws("ecs")
    first = root(ROOT)
    saved = bench.plan(first)
    assert (saved.creates, saved.settings["providers"][:7]) == (3, "sha256:")
    assert ecs.list_clusters()["clusterArns"] == []
    job = bench.work(saved, first)
    outcome = bench.target.apply(job)
    assert (outcome.status, outcome.outputs.get("cluster")) == ("done", "hello"), outcome.detail
    assert len(ecs.list_clusters()["clusterArns"]) == 1
    seen = bench.target.drift(first, BLUEPRINT, STAGING)
    assert seen.status == "none", seen.changes

    s3.put_bucket_tagging(Bucket="hello-files", Tagging={"TagSet": [{"Key": "Word", "Value": "planted"}]})
    seen = bench.target.drift(first, BLUEPRINT, STAGING)
    assert seen.status == "drifted"
    assert any(line.startswith("outside Terraform: changed aws_s3_bucket.files") for line in seen.changes)
    assert "refresh-only exit 2, plan exit 2" in seen.evidence

    refused = bench.target.rollback(bench.work(saved, first, "rollback"))
    assert refused.status == "failed"
    assert "it would lose data with aws_s3_bucket.files" in refused.detail

    s3.put_object(Bucket="state", Key="hello/staging/terraform.tfstate.tflock", Body=_lock())
    with pytest.raises(EnvironmentBusy, match="state of staging is locked by another"):
        bench.plan(root(ROOT.replace("hello:one", "hello:two")), first)
    assert "lee@desk" in (bench.store.root / "logs" / "terraform" / "hello-staging-plan.log").read_text()
    assert [path.name for path in (bench.place / "plans").iterdir()] == []
    files = [path for path in bench.store.root.rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def _lock() -> bytes:
    held = {"ID": "1b4e28ba-2fa1-11d2-883f-0016d3cca427", "Operation": "OperationTypeApply", "Who": "lee@desk"}
    return json.dumps(
        {**held, "Info": "", "Version": "1.11.4", "Created": "2026-11-27T10:00:00Z", "Path": "x"}
    ).encode()
