"""`hug demo`: the main job on a small real application that ships with the package."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import click

from hug_agents.cli.console import console, progress

REQUEST = (
    "Put payments-api on ECS in eu-west-1 behind payments.example.com. Canary: 10 then 50 then 100 percent, "
    "ten minutes each. Three replicas in production, one in staging. It needs Postgres 16. "
    "The Stripe key is in Secrets Manager as payments/stripe-key. 99.9 % availability, and 99 % of requests "
    "under 300 ms. Roll back when more than 1 % of requests fail. Set up a VPN to the office."
)


@click.command("demo")
@click.option("--out", type=click.Path(path_type=Path), default=Path("hug-release"), show_default=True)
def command(out: Path) -> int:
    """Run the main job on payments-api, a small FastAPI application, with the offline model.

    The last sentence of the request is one that cannot be met: see it said aloud.
    """
    from hug_agents.cli.report import print_generation
    from hug_agents.generation import generate

    screen = console()
    screen.print(f"[bold]Request[/]\n  [italic]{REQUEST}[/]\n")
    with as_file(files("hug_agents").joinpath("demo", "payments-api")) as repo, progress(quiet=False) as show:
        made = generate(REQUEST, repo=repo, out=out, model="offline", progress=show)
    print_generation(made)
    screen.print(f"\nRead [bold]{out}/docs/deployment-plan.md[/] first; `hug generate --help` for your own.")
    return 3 if made.verdict == "failed" else 0
