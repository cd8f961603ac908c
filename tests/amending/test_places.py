"""Where an amendment may stand. Nothing over a rendered file, nothing that swallows a rendered line, nothing unseen."""

from __future__ import annotations

from functools import cache

import pytest

from hug_agents.amending.documents import Amendment, Amendments, Block, File, Proposal
from hug_agents.amending.lay import REPORT, lay
from hug_agents.amending.places import objections, places
from hug_agents.amendment import with_block, without_blocks, written
from hug_agents.bundle import Bundle
from hug_agents.errors import SpecError
from hug_agents.planning import plan
from hug_agents.render import render
from tests.examples import ALL

MAIN = "infrastructure/terraform/environments/production/main.tf"
OWN = "infrastructure/terraform/environments/production/amendment_r5.tf"
KUSTOMIZATION = "kubernetes/base/kustomization.yaml"
RULES = "monitoring/prometheus/rules/presence.yml"
QUEUE = 'resource "aws_sqs_queue" "audit" {\n  name = "audit"\n}\n'


@cache
def bundle(example: str = "ecs_canary") -> Bundle:
    return render(plan(ALL[example]()))


def proposal(*, files: tuple[tuple[str, str], ...] = (), blocks: tuple[tuple[str, str, str], ...] = ()) -> Proposal:
    return Proposal(
        requirement="R5",
        reason="It was asked for.",
        files=tuple(File(path=path, content=content) for path, content in files),
        blocks=tuple(Block(path=path, after=after, content=content) for path, after, content in blocks),
    )


def why(item: Proposal, agent: str = "deployment", example: str = "ecs_canary") -> str:
    return " | ".join(text for _, text in objections(item, agent, bundle(example)))  # type: ignore[arg-type]


def test_a_file_of_its_own_beside_rendered_ones() -> None:
    assert why(proposal(files=((OWN, QUEUE),))) == ""
    assert OWN in places("deployment", bundle(), "r5")
    assert places("devops", bundle(), "r5")[0] == ".github/workflows/amendment-r5.yml"


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/cron.d/x",
        "/etc/passwd",
        MAIN,
        MAIN.upper(),
        "infrastructure/terraform/environments/production/amendment_r5_override.tf",
        "infrastructure/terraform/environments/production/override.tf",
        "infrastructure/terraform/environments/production/amendment_r5.tf.json",
        "infrastructure/terraform/environments/production/.terraform.lock.hcl",
        "infrastructure/terraform/environments/production/tests/amendment_r5.tf",
        "infrastructure/terraform/environments/production/amendment_r6.tf",
        "infrastructure/terraform/environments/nowhere/amendment_r5.tf",
        ".github/workflows/amendment-r5.yml",
        "deploy/amendment-r5.sh",
        "docs/amendments.md",
        "amendment_r5.tf",
        "infrastructure/terraform/environments/production/../production/amendment_r5.tf",
    ],
)
def test_no_file_anywhere_else(path: str) -> None:
    assert "may not be written there" in why(proposal(files=((path, QUEUE),)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("# \u202e evil\n", "cannot be seen"),
        ("a\u0007\n", "cannot be seen"),
        ("# hug:amendment r5 end\n", "mark"),
        ('password = "AKIAIOSFODNN7EXAMPLE"\nkey = "ghp_0123456789012345678901234567890123456"\n', "secret"),
        ("  \n", "empty"),
    ],
)
def test_no_text_that_deceives(content: str, said: str) -> None:
    assert said in why(proposal(files=((OWN, content),)))


NAMES_SECRETS = [
    "automountServiceAccountToken: false\nsecretName: api-tls\nvalueFrom: {secretKeyRef: {name: api, key: password}}\n",
    "valueFrom:\n  secretKeyRef:\n    name: api\n    key: password\n",
    'x {\n  manage_master_user_password = true\n  secret_arn = aws_secretsmanager_secret.db.arn\n  token = "${var.token}"\n}\n',
    "x {\n  password = random_password.db.result\n  auth_token = null\n  secret = module.database.secret\n}\n",
]
GIVES_SECRETS = [
    'password = "hunter2hunter2"\n',
    "env:\n- PASSWORD=hunter22\n",
    "apiKey: 'x1y2z3abc'\n",
    "url: postgres://a:hunter2@db/x\n",
]


@pytest.mark.parametrize("content", NAMES_SECRETS)
def test_where_a_secret_is_kept_may_be_written(content: str) -> None:
    assert "secret store" not in why(proposal(files=((OWN, content),)))


@pytest.mark.parametrize("content", GIVES_SECRETS)
def test_what_it_is_may_not(content: str) -> None:
    assert "secret store" in why(proposal(files=((OWN, content),)))


def test_few_lines_do_not_stand_for_many() -> None:
    lines = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9) if n else 'x'}]\n" for n in range(9))
    path = "kubernetes/base/amendment-r5.yaml"
    assert "anchors" in why(proposal(files=((path, lines),)), example="kubernetes_rolling")
    plain = "kind: CronJob\nspec: {schedule: '*/5 * * * *', command: [a && b, \"*x\"]}\n"
    assert "anchors" not in why(proposal(files=((path, plain),)), example="kubernetes_rolling")


def test_no_reason_nothing_written_too_much() -> None:
    assert "writes nothing" in why(proposal())
    assert "no reason" in why(proposal(files=((OWN, QUEUE),)).model_copy(update={"reason": " "}))
    many = tuple((path, QUEUE + "#" * 19_000) for path in places("deployment", bundle(), "r5")[:3])
    assert "more than" in why(proposal(files=many))
    assert "already" in why(proposal(files=((OWN, QUEUE), (OWN, QUEUE))))


LINE = "locals {"


@pytest.mark.parametrize(
    "blocks",
    [
        ((MAIN, LINE, "/*"), (MAIN, "}", "*/")),
        ((MAIN, LINE, "/*"),),
        ((MAIN, LINE, "  x = <<EOT"),),
        ((MAIN, LINE, "}\n\nlocals {"),),
        ((MAIN, "no such line", "  x = 1"),),
        ((MAIN, "", "}"),),
        (("deploy/deploy.sh", "", "true"),),
        ((".github/workflows/deploy.yml", "", "x: 1"),),
        (("docs/deployment-plan.md", "", "approved"),),
    ],
)
def test_a_block_swallows_and_changes_no_rendered_line(blocks: tuple[tuple[str, str, str], ...]) -> None:
    assert why(proposal(blocks=blocks))


@pytest.mark.parametrize(
    ("path", "after", "content", "agent"),
    [
        (KUSTOMIZATION, "resources:", "- https://example.com/evil?ref=main", "deployment"),
        (KUSTOMIZATION, "resources:", "- amendment-r5.yaml\n- ../../../x", "deployment"),
        (KUSTOMIZATION, "", "helmCharts: []", "deployment"),
        (RULES, "    labels:", "    more: |", "devops"),
        (RULES, "groups:", "- name: x\n  rules: []\n---", "devops"),
        (RULES, "", "groups: []", "devops"),
    ],
)
def test_a_block_in_yaml_only_adds(path: str, after: str, content: str, agent: str) -> None:
    assert why(proposal(blocks=((path, after, content),)), agent, "kubernetes_rolling")


def test_a_kustomization_names_the_file() -> None:
    item = proposal(blocks=((KUSTOMIZATION, "resources:", "- amendment-r5.yaml"),))
    assert why(item, example="kubernetes_rolling") == ""


def test_the_rendered_part_is_the_same_byte_for_byte() -> None:
    rendered = bundle()
    item = proposal(files=((OWN, QUEUE),), blocks=((MAIN, LINE, '  audit = "audit"'),))
    one = Amendment(requirement="R5", text="An audit queue.", agent="deployment", state="proposed", proposal=item)
    laid = lay(rendered, Amendments(model="scripted:one", limit=3, baseline="sha256:x", items=(one,)))
    assert {entry.path for entry in laid} == {*(entry.path for entry in rendered), OWN, REPORT}
    for artifact in rendered:
        now = laid[artifact.path]
        assert without_blocks(now.content) == artifact.content, artifact.path
        assert (now.owner, now.system, now.executable) == (artifact.owner, artifact.system, artifact.executable)
        if artifact.path not in (MAIN, "docs/deployment-plan.md"):
            assert now.sha256 == artifact.sha256
    assert {entry.path for entry in laid.manifest.entries if entry.author == "scripted:one"} == {MAIN, OWN}
    assert [len(span) for span in written(laid[MAIN])] == [3] and not written(rendered[MAIN])
    assert not any(entry.executable for entry in laid.manifest.entries if entry.path == OWN)
    assert "written by a model" in laid[REPORT].content.lower()


def test_a_manifest_without_a_model_keeps_its_digest() -> None:
    assert all("author" not in entry.model_dump(mode="json") for entry in bundle().manifest.entries)


def test_a_block_stands_behind_exactly_one_line() -> None:
    text = with_block("a\nb\n", "a", "  x\n", "r1")
    assert text == "a\n  # hug:amendment r1 begin\n  x\n  # hug:amendment r1 end\nb\n"
    assert without_blocks(text) == "a\nb\n"
    for twice in ("a\na\n", "b\n"):
        with pytest.raises(SpecError):
            with_block(twice, "a", "x", "r1")
