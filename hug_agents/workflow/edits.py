"""A reviewer's own changes: values of the spec, and whole files. They are gated and approved like everything else."""

from __future__ import annotations

from pydantic import Field

from hug_agents.bundle import Artifact, Bundle, check_path
from hug_agents.errors import UsageError
from hug_agents.repair import set_value
from hug_agents.spec import DeploymentSpec, Evidence, Line, Model, Text


class FieldEdit(Model):
    """One value of the spec, e.g. `services.api.replicas`."""

    path: Line
    value: int | float | bool | str


class FileEdit(Model):
    """One file, whole; None: it is taken out."""

    path: Line
    content: str | None = Field(max_length=1_000_000)


class Edits(Model):
    """What a person changed by hand, and what for."""

    by: Line
    comment: Text = ""
    fields: tuple[FieldEdit, ...] = ()
    files: tuple[FileEdit, ...] = ()


def merged(before: Edits | None, edits: Edits) -> Edits:
    """Both, the later one of each path winning."""
    if before is None:
        return edits
    fields = {item.path: item for item in (*before.fields, *edits.fields)}
    files = {item.path: item for item in (*before.files, *edits.files)}
    return edits.model_copy(update={"fields": tuple(fields.values()), "files": tuple(files.values())})


def edit_spec(spec: DeploymentSpec, edits: Edits) -> DeploymentSpec:
    """The spec with the values set. Raises UsageError for a path that is not there or a value that does not fit."""
    for item in edits.fields:
        row = Evidence(path=item.path, kind="option", quote=str(item.value), reason=f"edited by {edits.by}")
        spec = set_value(spec, item.path, item.value, row)
    return spec


def edit_bundle(bundle: Bundle, edits: Edits) -> Bundle:
    """The bundle with the files in place. Raises SpecError for an unsafe path, UsageError for a file that is not there."""
    files = {item.path: item for item in bundle}
    for item in edits.files:
        check_path(item.path)
        if item.content is None:
            if files.pop(item.path, None) is None:
                raise UsageError("is not a file of the bundle", where=item.path)
            continue
        before = files.get(item.path)
        content = item.content if item.content.endswith("\n") else item.content + "\n"
        files[item.path] = (
            before.model_copy(update={"content": content})
            if before
            else Artifact(path=item.path, content=content, system="edited")
        )
    return Bundle(bundle.manifest.spec, files.values())
