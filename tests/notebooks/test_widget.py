"""The form in a notebook: it signs what it shows, with a key that it does not keep, and refuses as the desk does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hug_agents.approve.keys import KeyRing
from hug_agents.errors import UsageError
from hug_agents.widget import review
from tests.approve.office import KEYS

widgets = pytest.importorskip("ipywidgets")
PASSPHRASE = "correct horse battery"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    KeyRing(folder).list()
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("ana", "ben", "cho"):
        KEYS[name].save(folder / name, PASSPHRASE.encode() if name == "ben" else None)
        (folder / f"{name}.pub").write_text(f"{KEYS[name].public.line} {name}\n")
    return folder


class Form:
    """The parts of a form by what they are called."""

    def __init__(self, form: Any) -> None:
        self.page, *rest = form.children
        self.points = [item for item in rest if isinstance(item, widgets.Checkbox)]
        self.fields = {item.description: item for item in rest if getattr(item, "description", "")}
        (row,) = (item for item in rest if isinstance(item, widgets.HBox))
        self.buttons = {item.description: item for item in row.children}
        self.said = rest[-1]

    def tick(self) -> None:
        for point in self.points:
            point.value = True

    def press(self, name: str, key: str, **fields: str) -> str:
        self.fields["Key"].value = key
        for field, value in fields.items():
            self.fields[field].value = value
        self.buttons[name].click()
        return str(self.said.value)


def test_approving_opens_with_the_checklist_and_is_in_the_ledger(site: Any, keys: Path) -> None:
    release = site.start()
    form = Form(review(release, keys=keys))
    assert form.buttons["Approve"].disabled and not form.buttons["Reject"].disabled
    form.points[0].value = True
    assert form.buttons["Approve"].disabled
    form.tick()
    assert not form.buttons["Approve"].disabled
    assert "Taken" in form.press("Approve", "ana", Comment="capacity is fine")
    assert all(button.disabled for button in form.buttons.values())
    (signature,) = release.status().signatures
    assert (signature.reviewer, signature.verdict, signature.comment) == ("ana", "approve", "capacity is fine")


def test_a_passphrase_is_asked_for_and_not_kept(site: Any, keys: Path) -> None:
    release = site.start()
    form = Form(review(release, keys=keys))
    form.tick()
    assert "passphrase" in form.press("Approve", "ben")
    assert release.status().signatures == ()
    assert "Taken" in form.press("Approve", "ben", Passphrase=PASSPHRASE)
    assert form.fields["Passphrase"].value == ""


def test_a_refusal_says_why_and_changes_nothing(site: Any, keys: Path) -> None:
    release = site.start()
    form = Form(review(release, keys=keys))
    form.tick()
    said = form.press("Approve", "cho")
    assert "Refused" in said and "nothing has changed" in said
    assert release.status().signatures == ()
    assert "what is to change" in form.press("Ask for changes", "ana")
    assert release.status().signatures == ()


def test_another_packet_that_waits_meanwhile_is_not_signed(site: Any, keys: Path) -> None:
    release = site.start()
    form = Form(review(release, keys=keys))
    form.tick()
    site.open(release).edit(by="ana", fields={"services.hello.replicas": 5})
    assert "Refused" in form.press("Approve", "ana")
    assert release.status().signatures == ()


def test_without_anything_that_waits_there_is_no_form(site: Any, keys: Path) -> None:
    release = site.start()
    release.decide("reject", reviewer="ana", key=KEYS["ana"], comment="not now")
    release.resume()
    with pytest.raises(UsageError, match="nothing waits"):
        review(release, keys=keys)


def test_what_people_wrote_is_text(site: Any, keys: Path) -> None:
    release = site.start()
    release.decide("approve", reviewer="ana", key=KEYS["ana"], comment="<img src=x onerror=alert(1)>")
    shown = release.status()._repr_html_()
    assert "<img" not in shown and "&lt;img src=x" in shown and "as Operations Engineer" in shown
