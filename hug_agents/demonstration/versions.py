"""The versions of payments-api that the demonstration releases: small edits to the one that ships with the package."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from hug_agents.errors import StoreError

APPLICATION = "payments-api"


@dataclass(frozen=True)
class Edit:
    """One place of one file. `old` has to stand there exactly once."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Version:
    """A version, as edits to the shipped source."""

    number: str
    title: str
    edits: tuple[Edit, ...] = ()
    hidden: str = ""
    """What is wrong with it, which nobody who releases it knows."""


_NUMBER = ("pyproject.toml", 'version = "1.4.0"')

BEFORE = Version(
    "1.3.0",
    "what runs until now: payments cannot be cancelled yet",
    (
        Edit(*_NUMBER, 'version = "1.3.0"'),
        Edit("README.md", "`POST /payments/{id}/capture`, `/cancel`", "`POST /payments/{id}/capture`"),
        Edit(
            "app/main.py",
            '@app.post("/payments/{payment_id}/cancel")\n'
            "def cancel(payment_id: UUID) -> Payment:\n"
            '    """Let an authorised payment go."""\n'
            "    return _move(payment_id, State.CANCELLED)\n\n\n",
            "",
        ),
    ),
)
GOOD = Version("1.4.0", "payments can be cancelled")
FAULTY = Version(
    "1.5.0",
    "a payment says its amount as people write it: 12.50 EUR",
    (
        Edit(*_NUMBER, 'version = "1.5.0"'),
        Edit(
            "app/payments.py",
            "class NewPayment(BaseModel):",
            'MINOR_DIGITS = {"CHF": 2, "EUR": 2, "GBP": 2, "USD": 2}\n'
            '"""How many digits of an amount are the currency\'s minor unit."""\n\n\n'
            "class NewPayment(BaseModel):",
        ),
        Edit("app/payments.py", "    created_at: datetime\n", '    created_at: datetime\n    shown: str = ""\n'),
        Edit(
            "app/payments.py",
            "        payment = Payment(**new.model_dump(), id=uuid4(), state=State.AUTHORISED, "
            "created_at=datetime.now(UTC))\n",
            "        digits = MINOR_DIGITS[new.currency]\n"
            "        payment = Payment(\n"
            "            **new.model_dump(),\n"
            "            id=uuid4(),\n"
            "            state=State.AUTHORISED,\n"
            "            created_at=datetime.now(UTC),\n"
            '            shown=f"{new.amount / 10**digits:.{digits}f} {new.currency}",\n'
            "        )\n",
        ),
    ),
    hidden="its table of currencies lacks the yen: a payment in JPY ends in KeyError, and the client gets a 500. "
    "The unit tests, the health check and the smoke tests speak euros",
)


def lay_out(version: Version, folder: Path) -> None:
    """Put a version's files into a folder, in the place of another's, as a checkout would. Raises StoreError."""
    made = {path: _edited(version, path, text) for path, text in _shipped()}
    new = folder.with_name(f".new-{folder.name}")
    shutil.rmtree(new, ignore_errors=True)
    try:
        for path, text in made.items():
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            (new / path).write_text(text, encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(folder)) from error


def changes(old: Version, new: Version) -> tuple[str, ...]:
    """What a reader of the source sees of the way from one version to the next: a unified diff."""
    lines: list[str] = []
    for path, text in _shipped():
        pair = (_edited(old, path, text).splitlines(), _edited(new, path, text).splitlines())
        lines += difflib.unified_diff(*pair, path, path, n=1, lineterm="")
    return tuple(lines)


def _shipped() -> Iterator[tuple[str, str]]:
    with as_file(files("hug_agents").joinpath("demo", APPLICATION)) as root:
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def _edited(version: Version, path: str, text: str) -> str:
    for edit in version.edits:
        if edit.file == path:
            if text.count(edit.old) != 1:
                raise StoreError(f"the version {version.number} does not fit the shipped source", where=path)
            text = text.replace(edit.old, edit.new)
    return text
