"""Each kind of failure is one clear error, or is waited out; none makes an effect happen twice."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hug_agents.adapters.github_actions.client import Client, Limited, _limited
from hug_agents.adapters.github_actions.place import Place
from hug_agents.adapters.github_actions.target import GithubActionsTarget
from hug_agents.adapters.registry import load_target
from hug_agents.errors import HttpError, UsageError
from hug_agents.http import Answer
from hug_agents.settings import Settings
from hug_agents.store import Store
from tests.adapters.github_actions.desk import QUICK, name_of, planned, target_of, work
from tests.github.emulator import TOKEN, Emulator, Fault

REPO = "/repos/acme/ledger"


def client_of(github: Emulator, token: str = TOKEN, slept: list[float] | None = None) -> Client:
    sleep: Callable[[float], None] = time.sleep if slept is None else slept.append
    return Client(github.url, token, replace(QUICK, sleep=sleep))


@pytest.mark.parametrize(
    ("fault", "says", "hint", "calls"),
    [
        (Fault("repos/get", 403, times=9), "as the test wants it", "may not do this", 1),
        (
            Fault("repos/get", 403, headers={"x-accepted-github-permissions": "actions=write"}),
            "403",
            "it needs: actions=write",
            1,
        ),
        (Fault("repos/get", 404, times=9), "404", "may the token see it", 1),
        (Fault("repos/get", 409, times=9), "409", "changed meanwhile", 1),
        (
            Fault("repos/get", 422, body={"message": "Validation Failed"}),
            "Validation Failed",
            "refuses these values",
            1,
        ),
        (Fault("repos/get", 503, times=9), "503", "githubstatus", 5),
        (Fault("repos/get", 0, times=9), "did not answer", "Nothing is lost: resume", 5),
    ],
    ids=["403", "403 with what it needs", "404", "409", "422", "5xx", "dropped connection"],
)
def test_each_failure_is_one_clear_error(github: Emulator, fault: Fault, says: str, hint: str, calls: int) -> None:
    github.faults.append(fault)
    with pytest.raises(HttpError, match=says) as caught:
        client_of(github).get(REPO)
    assert caught.value.status == (fault.status or None)
    assert hint in str(caught.value)
    assert f"GET {github.url}{REPO}" in str(caught.value)
    assert github.count("repos/get") == calls


def test_a_wrong_token_is_said_and_not_shown(github: Emulator) -> None:
    wrong = "ghp_" + "wrong" * 8
    with pytest.raises(HttpError, match="401: Bad credentials") as caught:
        client_of(github, wrong).get(REPO)
    assert caught.value.status == 401
    assert "HUG_AGENTS_GITHUB_TOKEN" in str(caught.value)
    assert wrong not in str(caught.value)


@pytest.mark.parametrize("fault", [Fault("repos/get", 0, times=9), Fault("repos/get", 500, times=9)], ids=str)
def test_no_error_carries_the_request_with_the_token(github: Emulator, fault: Fault) -> None:
    github.faults.append(fault)
    with pytest.raises(HttpError) as caught:
        client_of(github).get(REPO)
    error: BaseException | None = caught.value
    assert TOKEN not in "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=False).format()
    )
    while error is not None:
        assert not hasattr(error, "request"), "an error of the HTTP client holds the headers"
        error = error.__cause__ or error.__context__


def test_a_token_that_a_server_prints_is_masked(github: Emulator) -> None:
    github.faults.append(Fault("repos/get", 403, body={"message": f"the token {TOKEN} may not"}))
    with pytest.raises(HttpError, match=r"the token \*\*\* may not"):
        client_of(github).get(REPO)


@pytest.mark.parametrize("status", [502, 0], ids=["5xx", "dropped connection"])
def test_trouble_that_passes_is_waited_out(github: Emulator, status: int) -> None:
    github.faults.append(Fault("repos/get", status, times=2))
    assert client_of(github).get(REPO).json()["default_branch"] == "main"
    assert github.count("repos/get") == 3


def test_what_is_not_repeatable_is_not_repeated(github: Emulator) -> None:
    github.faults.append(Fault("actions/cancel-workflow-run", 502, times=2))
    with pytest.raises(HttpError, match="502"):
        client_of(github).call("POST", f"{REPO}/actions/runs/1/cancel")
    assert github.count("actions/cancel-workflow-run") == 1


SOON = {"x-ratelimit-remaining": "0", "x-ratelimit-limit": "5000"}


@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [
        (Fault("repos/get", 403, headers={**SOON, "x-ratelimit-reset": "{now}"}), 0, 2),
        (Fault("repos/get", 429, headers={**SOON, "x-ratelimit-reset": "{now}"}), 0, 2),
        (Fault("repos/get", 403, headers={"retry-after": "1"}), 1, 1),
        (Fault("repos/get", 429, headers={"retry-after": "2"}), 2, 2),
    ],
    ids=["primary 403", "primary 429", "secondary 403", "secondary 429"],
)
def test_a_rate_limit_is_waited_for_as_told(github: Emulator, fault: Fault, least: float, most: float) -> None:
    headers = {key: value.format(now=int(time.time())) for key, value in fault.headers.items()}
    github.faults.append(replace(fault, headers=headers))
    slept: list[float] = []
    assert client_of(github, slept=slept).get(REPO).status == 200
    (waited,) = slept
    assert least <= waited <= most


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (
            Fault("repos/get", 403, headers={**SOON, "x-ratelimit-reset": "{later}"}),
            "the primary rate limit is used up",
        ),
        (
            Fault("repos/get", 403, body={"message": "You have exceeded a secondary rate limit."}),
            "secondary rate limit",
        ),
        (Fault("repos/get", 429, headers={"retry-after": "600"}), "secondary rate limit"),
    ],
    ids=["primary", "secondary by its text", "secondary"],
)
def test_a_long_rate_limit_is_an_error_that_says_when(github: Emulator, fault: Fault, says: str) -> None:
    headers = {key: value.format(later=int(time.time()) + 1800) for key, value in fault.headers.items()}
    github.faults.append(replace(fault, headers=headers))
    slept: list[float] = []
    with pytest.raises(Limited, match=says) as caught:
        client_of(github, slept=slept).get(REPO)
    assert slept == []
    assert caught.value.seconds > QUICK.limit
    assert "come back in" in str(caught.value)


def test_how_long_is_reckoned_by_githubs_own_clock() -> None:
    date, reset = "Fri, 27 Nov 2026 10:00:00 GMT", int(datetime(2026, 11, 27, 10, 5, tzinfo=UTC).timestamp())
    headers = {**SOON, "x-ratelimit-reset": str(reset), "date": date}
    assert _limited(Answer(403, headers, ""), "API rate limit exceeded") == ("primary", 301.0, True)
    assert _limited(Answer(403, headers, ""), "You have exceeded a secondary rate limit") == ("secondary", 301.0, True)


def test_a_secondary_limit_without_a_time_is_waited_for_longer_and_longer(github: Emulator) -> None:
    github.faults.append(
        Fault("repos/get", 403, times=3, body={"message": "You have exceeded a secondary rate limit."})
    )
    slept: list[float] = []
    client = Client(github.url, TOKEN, replace(QUICK, sleep=slept.append, limit=900.0))
    assert client.get(REPO).status == 200
    assert slept == [60.0, 120.0, 240.0]


def test_a_dispatch_whose_answer_is_lost_is_found_not_repeated(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    github.faults.append(Fault("actions/create-workflow-dispatch", 0, after=True))
    github.hidden = 4  # its run shows up a little later, as on GitHub
    done = target.apply(work(planned(target)))
    assert done.status == "done", done.detail
    assert (github.count("actions/create-workflow-dispatch"), len(github.actions.runs)) == (1, 1)


def test_a_dispatch_that_a_rate_limit_held_back_is_made_after_it(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    github.faults.append(Fault("actions/create-workflow-dispatch", 403, headers={"retry-after": "1"}))
    assert target.apply(work(planned(target))).status == "done"
    assert (github.count("actions/create-workflow-dispatch"), len(github.actions.runs)) == (2, 1)


def test_a_refused_dispatch_leaves_nothing_to_wait_for(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    github.faults.append(Fault("actions/create-workflow-dispatch", 403))
    job = work(planned(target))
    with pytest.raises(HttpError, match="403"):
        target.apply(job)
    assert github.repository.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert target.observe(job).state == "not_done"
    assert target.apply(job).status == "done"


def test_a_workflow_that_github_does_not_know(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    github.faults.append(Fault("actions/create-workflow-dispatch", 404, times=999))
    with pytest.raises(HttpError, match=r"no workflow deploy\.yml to dispatch on main") as caught:
        target.apply(work(planned(target)))
    assert "Actions turned on" in caught.value.hint
    assert github.repository.git("for-each-ref", "--format=%(refname)") == "refs/heads/main", "nothing to wait for"


@pytest.mark.parametrize(
    ("status", "message"), [(404, "Not Found"), (422, "Workflow does not have 'workflow_dispatch' trigger")]
)
def test_a_workflow_that_github_knows_a_little_later(github: Emulator, store: Store, status: int, message: str) -> None:
    target = target_of(github, store)
    github.faults.append(Fault("actions/create-workflow-dispatch", status, times=2, body={"message": message}))
    assert target.apply(work(planned(target))).status == "done"
    assert len(github.actions.runs) == 1


def test_a_server_that_tells_no_number_of_a_run(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    said = 'Invalid request.\n\n"return_run_details" is not a permitted key.'
    github.faults.append(Fault("actions/create-workflow-dispatch", 422, body={"message": said}))
    assert target.apply(work(planned(target))).status == "done"
    assert (github.count("actions/create-workflow-dispatch"), len(github.actions.runs)) == (2, 1)


def test_a_run_that_github_told_is_followed_before_it_is_listed(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    github.hidden = 999
    done = target.apply(work(planned(target)))
    assert done.status == "done", done.detail


@pytest.mark.parametrize("status", [403, 503])
@pytest.mark.parametrize(
    "operation",
    ["actions/download-job-logs-for-workflow-run", "actions/get-reviews-for-run", "repos/list-deployments"],
)
def test_what_only_explains_hides_no_end(github: Emulator, store: Store, operation: str, status: int) -> None:
    target = target_of(github, store, pace=replace(QUICK, attempts=2))
    (github.actions.world / "fail-rollout").touch()
    github.faults.append(Fault(operation, status, times=999))
    done = target.apply(work(planned(target)))
    assert done.status == "failed"
    assert "ended: failure\nDeploy to staging: Roll out (rolling)" in done.detail
    assert f"not known: {status}" in f"{done.detail} {done.outputs}"


def test_the_log_of_a_failure_ends_at_the_error_and_holds_no_secret(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    (github.actions.world / "fail-rollout").touch()
    time = "2026-11-27T10:00:00.0000000Z"
    lines = [
        "##[group]Run deploy/deploy.sh rollout",
        "export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "postgres://ledger:s3cr3tpw@db/ledger: connection refused",
        "##[error]Process completed with exit code 1.",
        *["Post job cleanup."] * 60,
    ]
    github.log = lambda _: "".join(f"{time} {line}\n" for line in lines)  # type: ignore[method-assign]
    job = work(planned(target))
    done = target.apply(job)
    assert done.detail.endswith("##[error]Process completed with exit code 1.")
    assert "connection refused" in done.detail
    for text in (done.detail, target.logs(job, 9999)):
        assert "wJalr" not in text
        assert "s3cr3tpw" not in text
        assert "AWS_SECRET_ACCESS_KEY=[redacted]" in text


def test_a_dispatch_that_never_became_a_run_is_tried_again_once_it_is_certain(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    github.faults.append(Fault("actions/create-workflow-dispatch", 0))
    job = work(planned(target))
    with pytest.raises(HttpError, match="did not answer"):
        target.apply(job)
    assert target.observe(job).state == "not_done"
    assert target.apply(job).status == "done"
    assert len(github.actions.runs) == 1


def test_a_branch_that_may_not_be_made_says_why(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    said = "refusing to allow a Personal Access Token to create or update workflow without `workflow` scope"
    job = work(planned(target))
    github.faults.append(Fault("git/create-ref", 422, body={"message": said, "documentation_url": "https://x"}))
    with pytest.raises(HttpError, match=said) as caught:
        target.apply(job)
    assert "permission `workflows`" in caught.value.hint
    assert target.apply(job).status == "done"


def test_a_lost_answer_anywhere_is_recognised(github: Emulator, store: Store) -> None:
    target = target_of(github, store)
    for name in ("git/create-commit", "git/create-ref", "pulls/create", "pulls/merge", "git/delete-ref"):
        github.faults.append(Fault(name, 0, after=True))
    assert target.apply(work(planned(target))).status == "done"
    assert [item.times for item in github.faults] == [0] * 5
    assert (len(github.pulls), len(github.actions.runs)) == (1, 1)


def test_the_token_comes_from_the_settings(github: Emulator, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"github_actions:{name_of(github)}"
    for variable in ("HUG_AGENTS_GITHUB_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(UsageError, match="needs a token"):
        load_target(name, store)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    target = load_target(name, store)
    assert isinstance(target, GithubActionsTarget)
    assert load_target(target.name, store).name == target.name, "it is loaded by its name in any process"
    assert planned(target).settings["repository"] == "acme/ledger"
    assert TOKEN not in repr(Settings.load())
    monkeypatch.setenv("HUG_AGENTS_GITHUB_TOKEN", "of ours")
    assert Settings.load().github_token == "of ours"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no repository was named"),
        ("acme", "is not a repository"),
        ("acme/..", "is not a repository"),
        ("acme/a b", "is not a repository"),
        ("acme/x?branch=../x", "branch"),
        ("acme/x?color=red", "options of the target"),
        ("acme/x?branch=a&branch=b", "given twice"),
        ("acme/x?api=http://example.com", "over https only"),
        ("acme/x?api=https://me:secret@example.com", "not the address"),
        ("acme/x?reviewers=a,b,c,d,e,f,g", "up to six"),
        ("acme/x?reviewers=../x", "up to six"),
    ],
)
def test_a_bad_name_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Place.parse(text)


def test_a_name_parses_to_itself() -> None:
    text = "acme/ledger?branch=release/1&reviewers=ana,acme/sre&api=https://github.example.com/api/v3"
    assert Place.parse(text).text == text
    assert Place.parse("acme/ledger").text == "acme/ledger"
