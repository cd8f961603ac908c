"""Run as a program of its own, never imported: declares the stacks of a Pulumi program under Pulumi's mocks and looks at them.

    python -I pulumi_mocks.py PROGRAM_FOLDER REQUEST.json ANSWER.json

The request names the stacks and what is laid over their configuration; the answer holds what was declared and what is wrong
with it. Nothing here reaches a network or starts a process: an audit hook refuses both.
"""

from __future__ import annotations

import collections.abc
import inspect
import json
import runpy
import sys
import traceback
import typing
import warnings
from pathlib import Path
from typing import Any

_REFUSED = (
    "socket.connect",
    "socket.bind",
    "socket.getaddrinfo",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
)


def main(folder: Path, request: dict[str, Any]) -> list[dict[str, Any]]:
    """What each stack declares."""
    warnings.simplefilter("ignore")
    sys.addaudithook(_refuse)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    import pulumi
    from pulumi.runtime import mocks

    watch = _Watch(folder)
    resource = pulumi.Resource.__init__
    register = mocks.MockMonitor.RegisterResource

    def created(self: Any, t: str, name: str, *rest: Any, **more: Any) -> None:
        watch.place(t, name, type(self))
        resource(self, t, name, *rest, **more)

    def registered(self: Any, asked: Any) -> Any:
        watch.urn(self.make_urn(asked.parent, asked.type, asked.name), asked.type, asked.name)
        return register(self, asked)

    pulumi.Resource.__init__ = created
    mocks.MockMonitor.RegisterResource = registered
    return [_stack(watch, folder, item) for item in request["stacks"]]


def _refuse(event: str, _: object) -> None:
    if event.startswith(_REFUSED):
        raise PermissionError(f"a Pulumi program that is checked may not use {event}")


class _Watch:
    """What was declared, and where in the program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clear()

    def clear(self) -> None:
        self.places: dict[tuple[str, str], tuple[str, int]] = {}
        self.classes: dict[str, type] = {}
        self.urns: set[str] = set()
        self.findings: list[dict[str, Any]] = []

    def place(self, kind: str, name: str, cls: type) -> None:
        frame = inspect.currentframe()
        while frame is not None:
            if (found := self.inside(frame.f_code.co_filename)) is not None:
                self.places.setdefault((kind, name), (found, frame.f_lineno))
                break
            frame = frame.f_back
        self.classes[kind] = cls

    def inside(self, path: str) -> str | None:
        """A file of the program, from its folder; None for any other."""
        try:
            return Path(path).relative_to(self.folder).as_posix()
        except ValueError:
            return None

    def urn(self, urn: str, kind: str, name: str) -> None:
        if urn in self.urns:
            self.object("twice", kind, name, "is declared twice; Pulumi refuses two resources of one name")
        self.urns.add(urn)

    def object(self, rule: str, kind: str, name: str, message: str) -> None:
        file, line = self.places.get((kind, name), ("", 0))
        self.findings.append({"rule": rule, "message": f"{kind} {name}: {message}", "file": file, "line": line})


def _stack(watch: _Watch, folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    watch.clear()
    resources: list[dict[str, Any]] = []
    try:
        mocked = __import__("tests.mocked", fromlist=["prepare"])
        aws = mocked.prepare(asked["stack"], **asked["config"])
        _run(folder / "__main__.py")
        for item in aws.declared:
            if item.type in watch.classes and item.type.startswith("aws:"):
                _inputs(watch, item)
                file, line = watch.places.get((item.type, item.name), ("", 0))
                resources.append(
                    {"type": item.type, "name": item.name, "inputs": item.inputs, "file": file, "line": line}
                )
    except BaseException as error:  # noqa: BLE001 - whatever the program raises is a finding, SystemExit too
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if watch.inside(frame.filename)]
        last = frames[-1] if frames else None
        watch.findings.append(
            {
                "rule": type(error).__name__,
                "message": str(error),
                "file": watch.inside(last.filename) if last else "__main__.py",
                "line": (last.lineno or 0) if last else 0,
            }
        )
    return {"stack": asked["stack"], "findings": watch.findings, "resources": resources}


def _run(program: Path) -> None:
    import pulumi

    def declare() -> None:
        runpy.run_path(str(program), run_name="__main__")

    pulumi.runtime.test(declare)()


def _inputs(watch: _Watch, item: Any) -> None:
    """Every input against the typed arguments of its resource: names, types, and what must be there."""
    cls = watch.classes[item.type]
    module = sys.modules[cls.__module__]
    # `InitArgs` where a nested type of another resource has the plain name.
    args = getattr(module, f"{cls.__name__}InitArgs", None) or getattr(module, f"{cls.__name__}Args", None)
    if args is not None:
        for path, message in _against(args, item.inputs, ""):
            watch.object("inputs", item.type, item.name, f"{path} {message}")


def _against(args: type, value: Any, path: str) -> collections.abc.Iterator[tuple[str, str]]:
    from pulumi import _types

    if not isinstance(value, dict):
        yield path or "inputs", f"must be a {args.__name__}, not {value!r:.60}"
        return
    types = _types.input_type_types(args)
    names = _types.input_type_py_to_pulumi_names(args)
    needed = {
        names.get(name, name)
        for name, parameter in inspect.signature(args.__init__).parameters.items()  # type: ignore[misc]
        if parameter.default is inspect.Parameter.empty and name != "__self__"
    }
    for key in sorted(needed - value.keys()):
        yield f"{path}.{key}".strip("."), "is missing"
    for key, inner in value.items():
        where = f"{path}.{key}".strip(".")
        if key in types:
            yield from _typed(types[key], inner, where)
        elif key != "__defaults":
            yield where, f"is not an argument of {args.__name__}"


def _typed(kind: Any, value: Any, path: str) -> collections.abc.Iterator[tuple[str, str]]:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if value is None:
        return
    if isinstance(value, dict) and "4dabf18193072939515e22adb298388d" in value:  # Pulumi's mark of a secret
        value = value.get("value")
    if origin is typing.Union:
        problems = [list(_typed(item, value, path)) for item in inner if not _awaited(item)]
        if problems and all(problems):
            yield from problems[0]
    elif origin in (list, collections.abc.Sequence, dict, collections.abc.Mapping):
        yield from _within(origin in (list, collections.abc.Sequence), inner[-1], value, path)
    elif kind in (str, bool, int, float):
        if not _is(kind, value):
            yield path, f"must be {kind.__name__}, not {value!r:.60}"
    elif inspect.isclass(kind) and kind.__name__.endswith("Args"):
        yield from _against(kind, value, path)


def _within(listed: bool, kind: Any, value: Any, path: str) -> collections.abc.Iterator[tuple[str, str]]:
    """The items of a list, or the values of a map."""
    if not isinstance(value, list if listed else dict):
        yield path, f"must be a {'list' if listed else 'map'}, not {value!r:.60}"
        return
    items = {f"[{index}]": item for index, item in enumerate(value)} if isinstance(value, list) else value
    for key, item in items.items():
        yield from _typed(kind, item, f"{path}{key}" if listed else f"{path}.{key}")


def _awaited(kind: Any) -> bool:
    """The forms in which a value may come later: it has come by now."""
    origin = typing.get_origin(kind)
    return origin is not None and getattr(origin, "__name__", "") in ("Awaitable", "Output")


def _is(kind: type, value: Any) -> bool:
    if kind in (int, float):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and (kind is float or float(value).is_integer())
    return isinstance(value, kind)


if __name__ == "__main__":
    _folder, _request, _answer = (Path(item) for item in sys.argv[1:4])
    _found = main(_folder, json.loads(_request.read_text(encoding="utf-8")))
    _answer.write_text(json.dumps(_found, default=str), encoding="utf-8")
