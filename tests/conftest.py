"""What every test shares: a mirror of Terraform providers, where this machine has one."""

from __future__ import annotations

import os
from pathlib import Path

if not os.environ.get("HUG_AGENTS_TERRAFORM_MIRROR"):
    # Any unpacked filesystem mirror near the root of the file system; the Makefile looks in the same places.
    for found in sorted((*Path("/").glob("*/registry.terraform.io"), *Path("/").glob("*/*/registry.terraform.io"))):
        os.environ["HUG_AGENTS_TERRAFORM_MIRROR"] = str(found.parent)
        break
