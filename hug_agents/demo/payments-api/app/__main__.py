"""`python -m app`: serve on PORT, by default 8080."""

from __future__ import annotations

import os

import uvicorn

if __name__ == "__main__":
    # A container listens on every interface; who may reach it is decided outside.
    uvicorn.run("app.main:app", host="0.0.0.0", port=int(os.environ.get("PORT", "8080")), access_log=False)  # noqa: S104
