"""A review as a form in a notebook: the packet, its checklist, and a decision that is signed with your own key.

    from hug_agents import Release
    from hug_agents.widget import review
    review(Release.open("r-1"))

The key is read when a button is pressed, and neither it nor its passphrase is kept. The digest that is signed is that of the
packet which is shown: another one that waits meanwhile is refused.
"""

from __future__ import annotations

from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hug_agents.errors import HugError, MissingExtra
from hug_agents.settings import Settings

if TYPE_CHECKING:
    from hug_agents.approve.decision import Verdict
    from hug_agents.release import Release

_BUTTONS: tuple[tuple[Verdict, str, str], ...] = (
    ("approve", "Approve", "success"),
    ("request_changes", "Ask for changes", "warning"),
    ("reject", "Reject", "danger"),
)


def review(release: Release, *, keys: str | Path | None = None) -> Any:
    """The form for the packet that waits. `keys`: the folder of your keys; default: that of `hug keys list`.

    Approving opens once every point of the checklist is ticked. Raises UsageError if nothing waits, MissingExtra
    without ipywidgets.
    """
    try:
        import ipywidgets as widgets
        from IPython.display import Markdown
    except ImportError as error:
        raise MissingExtra("the review form", "notebook") from error
    from hug_agents.approve.checkpoints import checkpoint
    from hug_agents.approve.keys import KeyRing

    shown = release.review()
    packet = shown.packet.digest()
    ring = KeyRing(Path(keys) if keys else Settings.load().keys)
    wide = widgets.Layout(width="44em")
    page = widgets.Output(layout=widgets.Layout(max_height="30em", overflow="auto", border="1px solid #d0d7de"))
    page.append_display_data(Markdown(shown.markdown()))  # type: ignore[no-untyped-call]
    points = [
        widgets.Checkbox(description=text, indent=False, layout=widgets.Layout(width="auto"))
        for text in checkpoint(shown.packet.checkpoint).checklist
    ]
    key = widgets.Dropdown(options=[item.name for item in ring.list() if item.private], description="Key", layout=wide)
    secret = widgets.Password(description="Passphrase", placeholder="if the key has one", layout=wide)
    comment = widgets.Textarea(description="Comment", placeholder="what the others should know", layout=wide)
    said = widgets.HTML()
    buttons = {
        verdict: widgets.Button(description=text, button_style=style, disabled=verdict == "approve")
        for verdict, text, style in _BUTTONS
    }

    def ticked(_: Any) -> None:
        buttons["approve"].disabled = not all(point.value for point in points)

    def press(verdict: Verdict, _: Any) -> None:
        given, secret.value = secret.value.encode() or None, ""
        try:
            if verdict == "request_changes" and not comment.value.strip():
                said.value = "Say in the comment what is to change."
                return
            signing = ring.load(str(key.value), given)
            who = release.owner_of(signing.public)
            taken = release.decide(verdict, reviewer=who, key=signing, comment=comment.value, packet=packet)
        except HugError as error:
            said.value = f"<b>Refused</b>, and nothing has changed: {escape(str(error))}"
            return
        missing = "".join(f"<li>still missing: {escape(line)}</li>" for line in taken.standing.lines)
        said.value = (
            f"<b>Taken</b> from {escape(who)}: ledger entry {taken.entry.seq}, the packet is "
            f"{escape(taken.standing.state)}.<ul>{missing}</ul>{escape(taken.notice)}"
        )
        for button in buttons.values():
            button.disabled = True

    for point in points:
        point.observe(ticked, "value")
    for verdict, button in buttons.items():
        button.on_click(partial(press, verdict))
    if not key.options:
        said.value = f"There is no private key in {escape(str(ring.folder))}: hug keys new NAME"
    return widgets.VBox([page, *points, key, secret, comment, widgets.HBox(list(buttons.values())), said])
