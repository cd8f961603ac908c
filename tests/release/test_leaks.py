"""Planted secrets are looked for in every byte that a whole release writes."""

from __future__ import annotations

import base64
import subprocess
import zlib
from pathlib import Path

import pytest

from hug_agents.approve.audit import export
from hug_agents.approve.keys import KeyRing
from hug_agents.approve.ledger import Ledger
from tests.approve.office import KEYS
from tests.governed import REQUEST, Site

CANARIES = {
    "request": "sk_live_4eC39HqLyjWDarjtT1zdp7dcCANARY",
    "repository": "AKIAIOSFODNN7CANARY9",
    "environment": "ghp_CANARYabcdefghijklmnopqrstuvwxyz0123",
    "passphrase": "correct-horse-CANARY-battery",
    "file": "postgres://app:hunter2CANARY@db.example.com/app",
}


def test_no_secret_is_ever_written(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_KEY", CANARIES["environment"])
    monkeypatch.setenv("HUG_AGENTS_PASSPHRASE", CANARIES["passphrase"])
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / ".env").write_text(f"AWS_ACCESS_KEY_ID={CANARIES['repository']}\nDATABASE_URL={CANARIES['file']}\n")
    (repo / "Dockerfile").write_text(
        f'FROM python:3.12\nENV DATABASE_URL={CANARIES["file"]}\nEXPOSE 8080\nCMD ["python", "app.py"]\n'
    )
    (repo / "app.py").write_text(f"import os\nKEY = os.environ.get('STRIPE_KEY', '{CANARIES['request']}')\n")
    key = KeyRing(tmp_path / "keys").new("ana", CANARIES["passphrase"].encode())
    request = f"{REQUEST}. The Stripe key is {CANARIES['request']}; keep it in Secrets Manager as hello/stripe"
    release = site.start(request, repo=repo)
    while release.status().stage == "questions":
        release.resume({item["id"]: (item.get("options") or ["hello"])[0] for item in release.status().questions})
    site.until(release, "production_go_no_go")
    site.approve(release)
    assert release.status().outcome == "released"
    export(Ledger(site.store / "ledger.sqlite"), site.root / "ledger.jsonl")
    (site.root / "review.md").write_text(str(release.status()))
    found = [
        f"{name} in {path.relative_to(tmp_path)}"
        for folder in (site.root, tmp_path / "keys")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for name, value in CANARIES.items()
        if holds(path.read_bytes(), value)
    ]
    assert found == []
    private = [value._key.private_bytes_raw() for value in (key, *KEYS.values())]
    assert not any(raw in path.read_bytes() for path in site.root.rglob("*") if path.is_file() for raw in private)


def holds(data: bytes, value: str) -> bool:
    """As it is, in base64 at any offset, or reversed."""
    raw = value.encode()
    forms = [raw, raw[::-1], raw.hex().encode()]
    forms += [base64.b64encode(b"\0" * pad + raw)[4:-4] for pad in range(3)]
    return any(form in data for form in forms)


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    for form in (b"x%bx", b"%b"):
        assert holds(form % CANARIES["request"].encode(), CANARIES["request"])
    assert holds(base64.b64encode(b"abc" + CANARIES["file"].encode() + b"defg"), CANARIES["file"])
    assert not holds(b"CANARY", CANARIES["request"])


def test_none_in_a_repository_that_was_written_to(site: Site, tmp_path: Path) -> None:
    infra = tmp_path / "infra"
    subprocess.run(["git", "init", "-q", str(infra)], check=True)
    common = {key: value for key, value in site.common.items() if key != "targets"}
    release = site.start(f"{REQUEST}. The token is {CANARIES['request']}", target=f"write:{infra}", targets=None)
    assert common
    opened = type(release).open(release.id, **common)
    for name in ("ana", "ben"):
        opened.decide("approve", reviewer=name, key=KEYS[name])
    assert opened.resume().checkpoint == "staging_validation"
    objects = [path for path in (infra / ".git").rglob("*") if path.is_file() and len(path.parent.name) == 2]
    assert objects
    for path in objects:
        assert not holds(zlib.decompress(path.read_bytes()), CANARIES["request"])
