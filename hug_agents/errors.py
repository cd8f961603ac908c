"""Every way to fail, in one tree.

HugError
├── UsageError                 what was given cannot be used: a bad flag, file, path or value      (exit 2)
│   ├── SpecError              a deployment spec that contradicts itself
│   ├── UnsupportedError       asked for by name, and not something this version can make
│   ├── PromptError            a prompt file is missing, malformed, or lacks a variable
│   └── OutputConflict         writing would destroy a file that is not ours
├── ModelError                 a language model gave nothing usable within its budget              (exit 1)
│   ├── ModelUnavailable       it could not be reached, or refused the credentials
│   ├── ModelAnswerInvalid     it answered, and the answer did not fit the schema
│   └── BudgetExceeded         attempts, tokens or seconds ran out
├── ProcessError               a program could not be started, or ran past its time                (exit 1)
├── StoreError                 what lasts could not be read or written                             (exit 1)
│   └── TamperedObject         a stored file no longer has the digest that names it
├── MissingExtra               an optional package is needed; the message says which               (exit 2)
├── QuestionsPending           the request cannot be built before these are answered               (exit 4)
└── GateFailed                 automated gates found what repair could not mend                    (exit 3)

A message says what happened, where, and what to do next. `exit_code` is what the CLI returns.
"""

from __future__ import annotations

from typing import Any, ClassVar


class HugError(Exception):
    """The root of every error that this library raises on purpose."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  next: {self.hint}" if self.hint else text


class UsageError(HugError):
    """What the caller gave cannot be used."""

    exit_code = 2


class SpecError(UsageError):
    """A deployment spec that contradicts itself, with the field that does."""


class UnsupportedError(UsageError):
    """Something that was asked for by name and that this version does not make."""


class PromptError(UsageError):
    """A prompt that is missing, malformed, or called without one of its variables."""


class OutputConflict(UsageError):
    """A file in the output folder is not ours to replace. Nothing was written."""


class ModelError(HugError):
    """A model gave nothing usable. The run's state is kept: resume it, also with another model."""


class ModelUnavailable(ModelError):
    """The model could not be reached, does not exist, or refused the credentials."""


class ModelAnswerInvalid(ModelError):
    """The model answered, and the answer did not fit the schema."""


class BudgetExceeded(ModelError):
    """The budget of attempts, tokens or seconds ran out."""


class ProcessError(HugError):
    """A program could not be started, or ran past its time."""


class StoreError(HugError):
    """What lasts could not be read or written."""


class TamperedObject(StoreError):
    """A stored file no longer has the digest that names it."""


class MissingExtra(HugError):
    """A feature needs an optional package."""

    exit_code = 2

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional package", hint=f"pip install 'hug-agents[{extra}]'")


class QuestionsPending(HugError):
    """The run waits for answers; `questions` holds them, `thread` resumes it."""

    exit_code = 4

    def __init__(self, questions: tuple[Any, ...], thread: str = "") -> None:
        self.questions = questions
        self.thread = thread
        super().__init__(
            f"{len(questions)} question{'s' if len(questions) != 1 else ''} must be answered first",
            hint="answer with answers={id: value}, or `--answers FILE` on the command line",
        )


class GateFailed(HugError):
    """Automated gates found what bounded repair could not mend; the files are kept."""

    exit_code = 3
