"""The tables beside the ledger: what has begun, who holds an environment, which effects are under way.

Nothing in them allows anything: an effect is allowed by the ledger alone. They are what makes a release found again.
"""

from __future__ import annotations

from pathlib import Path

from hug_agents.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS releases (
  id TEXT PRIMARY KEY, begun TEXT NOT NULL, requester TEXT NOT NULL, target TEXT NOT NULL, title TEXT NOT NULL,
  application TEXT NOT NULL DEFAULT '', outcome TEXT NOT NULL DEFAULT '', ended TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS releases_begun ON releases (begun);
CREATE TABLE IF NOT EXISTS locks (
  application TEXT NOT NULL, environment TEXT NOT NULL, release TEXT NOT NULL, taken TEXT NOT NULL,
  PRIMARY KEY (application, environment)
) STRICT;
CREATE TABLE IF NOT EXISTS deployments (
  number INTEGER PRIMARY KEY AUTOINCREMENT, application TEXT NOT NULL, environment TEXT NOT NULL,
  release TEXT NOT NULL, bundle TEXT NOT NULL, outcome TEXT NOT NULL, ended TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS deployments_place ON deployments (application, environment, number);
CREATE TABLE IF NOT EXISTS effects (
  key TEXT PRIMARY KEY, release TEXT NOT NULL, target TEXT NOT NULL, work TEXT NOT NULL,
  state TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT '', changed TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS effects_release ON effects (release, changed);
CREATE TABLE IF NOT EXISTS marks (
  subject TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (subject, name)
) STRICT;
CREATE TABLE IF NOT EXISTS controls (
  release TEXT PRIMARY KEY, wanted TEXT NOT NULL, by TEXT NOT NULL, changed TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS running (
  application TEXT NOT NULL, environment TEXT NOT NULL, release TEXT NOT NULL, bundle TEXT NOT NULL, plan TEXT NOT NULL,
  target TEXT NOT NULL, PRIMARY KEY (application, environment)
) STRICT;
INSERT OR IGNORE INTO running (application, environment, release, bundle, plan, target)
  SELECT application, environment, release, bundle, '', '' FROM deployments
  WHERE number IN (SELECT max(number) FROM deployments WHERE outcome = 'deployed' GROUP BY application, environment);
"""


def release_tables(root: Path) -> Database:
    """The file of a store's folder."""
    return Database(root / "releases.sqlite", _SCHEMA, version=2, name="the register of releases")
