"""Commands, ports and source: what is started, and that it is exactly what was planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from hug_agents.adapters.local.programs import ported, programs_of
from hug_agents.adapters.local.source import edited, lay_out, take
from hug_agents.adapters.local.state import PORT_MARK
from hug_agents.adapters.registry import load_target
from hug_agents.errors import UsageError
from hug_agents.planning import plan
from hug_agents.store import Store
from tests.adapters.local.place import Place, spec_of

DEMO = Path(__file__).parents[3] / "hug_agents" / "demo" / "payments-api"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("python", "-m", "app"), ("python", "-m", "app")),
        (("uvicorn", "app:app", "--port", "8080"), ("uvicorn", "app:app", "--port", "@")),
        (("uvicorn", "app:app", "--port=8080"), ("uvicorn", "app:app", "--port=@")),
        (("gunicorn", "-b", "0.0.0.0:8080", "app:app"), ("gunicorn", "-b", "0.0.0.0:@", "app:app")),
        (("gunicorn", "--bind=:8080", "app:app"), ("gunicorn", "--bind=:@", "app:app")),
        (("java", "-Dserver.port=8080", "-jar", "a.jar"), ("java", "-Dserver.port=@", "-jar", "a.jar")),
        (("python", "manage.py", "runserver", "0:8080"), ("python", "manage.py", "runserver", "0:@")),
        (
            ("sh", "-c", "exec uvicorn app:app --port 8080 --workers 2"),
            ("sh", "-c", "exec uvicorn app:app --port @ --workers 2"),
        ),
        (
            ("sh", "-c", "exec uvicorn app:app --port ${PORT:-8000}"),
            ("sh", "-c", "exec uvicorn app:app --port ${PORT:-8000}"),
        ),
        (("run", "--limit", "18080", "--name", "v8080"), ("run", "--limit", "18080", "--name", "v8080")),
    ],
)
def test_where_a_command_names_its_port(command: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert ported(command, 8080) == tuple(item.replace("@", PORT_MARK) for item in expected)


@pytest.mark.parametrize(
    "command", [("run", "tcp://0.0.0.0:8080/"), ("sh", "-c", "run ${PORT:-8080}"), ("run", "8080-8081")]
)
def test_a_port_that_cannot_be_replaced(command: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="names the port 8080"):
        ported(command, 8080)


def test_the_command_comes_from_the_repository_where_the_spec_has_none(tmp_path: Path) -> None:
    spec = spec_of("1.0.0", command=())
    [program], left_out = programs_of(plan(spec), spec.environments[0], DEMO, "process")
    assert (program.argv, left_out) == (("python", "-m", "app"), ())
    (tmp_path / "README").write_text("nothing here")
    with pytest.raises(UsageError, match="nothing says how it is started"):
        programs_of(plan(spec), spec.environments[0], tmp_path, "process")


def test_a_snapshot_is_the_source_and_nothing_else(tmp_path: Path) -> None:
    source, outside = tmp_path / "app", tmp_path / "outside"
    for folder in (".git", ".venv/lib", "node_modules/x", "pkg/__pycache__", "own-env", "pkg"):
        (source / folder).mkdir(parents=True, exist_ok=True)
        (source / folder / "file.txt").write_text(folder)
    (source / "own-env" / "pyvenv.cfg").write_text("")
    (source / ".env").write_text("TOKEN=abc")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    outside.mkdir()
    (outside / "shadow").write_text("not theirs")
    (source / "link").symlink_to(outside / "shadow")
    (source / "folder").symlink_to(outside)
    (source / "inner").symlink_to(source / "pkg" / "file.txt")
    (source / "round").symlink_to(source)
    (source / "hidden").symlink_to(source / ".env")
    store = Store(source / ".hug")
    name = take(source, store)
    assert take(source, store) == name, "the same bytes have the same name"
    laid = tmp_path / "laid"
    lay_out(name, store, laid)
    files = {str(path.relative_to(laid)): path for path in laid.rglob("*") if path.is_file()}
    assert set(files) == {"pkg/file.txt", "run.sh", "inner"}
    assert files["run.sh"].stat().st_mode & 0o100
    (laid / "run.sh").write_text("#!/bin/sh\nedited\n")
    assert edited(name, store, laid) == ("edited: run.sh",)
    lay_out(name, store, laid)
    assert edited(name, store, laid) == ()
    (source / "run.sh").write_text("#!/bin/sh\nnew\n")
    assert take(source, store) != name


def test_bounds_of_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hug_agents.adapters.local import source

    (tmp_path / "app").mkdir()
    with pytest.raises(UsageError, match="has no files"):
        take(tmp_path / "app", Store(tmp_path / "store"))
    (tmp_path / "app" / "big").write_bytes(b"x" * 2_000)
    monkeypatch.setattr(source, "MOST_BYTES", 1_000)
    with pytest.raises(UsageError, match="more than"):
        take(tmp_path / "app", Store(tmp_path / "store"))
    with pytest.raises(UsageError, match="not a folder"):
        take(tmp_path / "nowhere", Store(tmp_path / "store"))


@pytest.mark.parametrize(
    "name", ["local", "local:", "local:app?colour=red", "local:app?engine=lxc", "local:app?ready=soon"]
)
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        load_target(name, Store(tmp_path))


def test_the_plan_is_of_these_bytes(place: Place) -> None:
    first = place.release("1.0.0", worker=True)
    again = place.target.plan(first.bundle, first.blueprint, first.environment, None)
    assert again == first.saved, "planning changes nothing, and the same world gives the same plan"
    assert first.saved.settings["run-web"] == "2 x python app.py"
    place.write("changed since")
    assert first.do("deploy").status == "done"
    from tests.adapters.local.place import get

    assert get(first.url()).startswith("1.0.0"), "what was approved runs, not what lies there now"
    with pytest.raises(UsageError, match="raise the version"):
        place.target.plan(first.bundle, first.blueprint, first.environment, None)


def test_what_is_not_run_is_said(place: Place) -> None:
    from hug_agents.spec import Build, Dependency, Service

    spec = spec_of("1.0.0")
    job = Service(name="report", kind="job", build=Build(), command=("python", "report.py"), schedule="0 3 * * *")
    more = {"services": (*spec.services, job), "dependencies": (Dependency(name="db", kind="postgres"),)}
    spec = spec.model_copy(update=more)
    _, left_out = programs_of(plan(spec), spec.environments[0], place.source, "process")
    assert left_out[0] == "the job report is not run"
    assert left_out[1].startswith("postgres db is not started")


def test_a_previous_bundle_that_never_ran_here(place: Place) -> None:
    first = place.release("1.0.0")
    with pytest.raises(UsageError, match="never ran here"):
        place.release("2.0.0", "canary", first)
