"""`hug generate`: one request becomes a validated bundle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hug_agents.cli.asking import budget_option, model_options, read_budget, read_choice
from hug_agents.cli.console import print_json, progress
from hug_agents.errors import QuestionsPending, UsageError

if TYPE_CHECKING:
    from hug_agents.cli.beside import Beside
    from hug_agents.generation import Generation
    from hug_agents.request import Checks


@click.command("generate")
@click.argument("request_text", metavar="REQUEST", required=False)
@click.option("--repo", metavar="DIR|URL", help="A folder or git URL to read facts from; nothing in it is run.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("hug-release"),
    show_default=True,
    help="Where the files go. Nothing that is not ours is overwritten.",
)
@model_options
@budget_option
@click.option("--iac", help="Infrastructure as code, e.g. terraform.")
@click.option("--ci", help="Pipelines, e.g. github_actions.")
@click.option("--runtime", help="Where it runs: ecs, kubernetes or nomad.")
@click.option("--monitor", "monitors", multiple=True, help="Monitoring, e.g. prometheus. May be repeated.")
@click.option("--rollout", help="Rollback automation.")
@click.option("--registry", help="The artifact repository.")
@click.option("--checks", type=click.Path(path_type=Path), help="Smoke tests and the analysis of rollouts, YAML.")
@click.option(
    "--answers", "answers_file", type=click.Path(path_type=Path), help="Answers by question id, JSON or YAML."
)
@click.option("--answer", "answer_words", multiple=True, metavar="ID=VALUE", help="One answer. May be repeated.")
@click.option("--resume", "thread", metavar="RUN", help="Go on with a run that asked or stopped.")
@click.option("--gate", "gates", multiple=True, help="Run only this gate. May be repeated. `none`: run no gate.")
@click.option(
    "--amend-rounds",
    type=click.IntRange(0, 10),
    default=3,
    show_default=True,
    help="How often what a language model wrote for an unmet requirement is sent back; 0: it writes nothing.",
)
@click.option("--store", type=click.Path(path_type=Path), help="The folder of what lasts; default .hug")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    request_text: str | None,
    thread: str | None,
    answers_file: Path | None,
    answer_words: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Turn REQUEST (or `-`: standard input) into a bundle of files, and judge it.

    \b
    hug generate "Put payments-api on ECS in eu-west-1, canary 10 then 50 then 100 percent" --repo . --out release

    Exit codes: 0 done, 3 a gate failed (the files are kept), 4 questions to answer first.
    """
    from hug_agents.cli.report import print_generation, print_questions

    given = _answers(answers_file, answer_words)
    run = _Run(thread, _text(request_text, thread), options, quiet=quiet or as_json)
    ask = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
    while True:
        try:
            made = run.go(given)
            break
        except QuestionsPending as pending:
            run.thread = pending.thread
            if as_json:
                print_json(
                    {
                        "status": "questions",
                        "run": pending.thread,
                        "questions": [question.model_dump(mode="json") for question in pending.questions],
                    }
                )
                return 4
            given = print_questions(pending, ask=ask)
            if not given:
                return 4
    beside = run.proposal(made)
    if as_json:
        print_json({**made.to_json(), **({"proposal": beside.to_json()} if beside else {})})
    else:
        print_generation(made)
        if beside:
            beside.show()
    return 3 if made.verdict == "failed" else 0


class _Run:
    """A run that is started once and then answered."""

    def __init__(self, thread: str | None, text: str, options: dict[str, Any], *, quiet: bool) -> None:
        self.thread = thread
        self._text = text
        self._choices = {key: options.pop(key) for key in ("iac", "ci", "runtime", "monitors", "rollout", "registry")}
        self._choices["checks"] = read_checks(options.pop("checks"))
        self._repo = options.pop("repo")
        gates = options.pop("gates")
        options |= read_choice(options.pop("models"), options.pop("base_urls"))
        options["budget"] = read_budget(options.pop("budget_words"))
        self._options = {**options, "gates": (() if gates == ("none",) else gates) if gates else None}
        self._quiet = quiet

    def go(self, answers: dict[str, str]) -> Generation:
        from hug_agents.generation import answer, generate
        from hug_agents.request import Choices

        with progress(quiet=self._quiet) as show:
            if self.thread:
                return answer(self.thread, answers, progress=show, **self._options)
            try:
                choices = Choices.model_validate(self._choices)
            except ValueError as error:
                raise UsageError(
                    "not the id of a system", where="--iac, --ci, --runtime, …", hint="hug systems"
                ) from error
            return generate(
                self._text, repo=self._repo, answers=answers, choices=choices, progress=show, **self._options
            )

    def proposal(self, made: Generation) -> Beside | None:
        """What would change in the repository, where it is a folder with machinery of its own."""
        from hug_agents.checkout import is_url

        out = self._options["out"]
        if self._repo is None or is_url(self._repo) or out.resolve() == Path(self._repo).resolve():
            return None
        from hug_agents.cli.beside import beside

        return beside(made.bundle, Path(self._repo), out)


def read_checks(path: Path | None) -> Checks | None:
    """Smoke tests and analysis of a file. Raises UsageError, naming the field."""
    if path is None:
        return None
    from pydantic import ValidationError

    from hug_agents.cli.files import read_yaml
    from hug_agents.request import Checks

    try:
        return Checks.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise UsageError(f"{field}: {first['msg']}", where=str(path), hint="analysis: {…}, smoke_tests: […]") from error


def _text(given: str | None, thread: str | None) -> str:
    if thread:
        return ""
    if given == "-":
        return sys.stdin.read(100_000)
    if not given:
        raise click.UsageError('say what to deploy: hug generate "…", or `-` for standard input')
    return given


def _answers(file: Path | None, words: tuple[str, ...]) -> dict[str, str]:
    answers: dict[str, str] = {}
    if file is not None:
        from hug_agents.cli.files import read_yaml

        loaded = read_yaml(file)
        if not isinstance(loaded, dict):
            raise UsageError("must hold one mapping of question id to answer", where=str(file))
        answers.update({str(key): str(value) for key, value in loaded.items()})
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise click.UsageError(f"--answer {word!r}: write it as ID=VALUE")
        answers[key.strip()] = value.strip()
    return answers
