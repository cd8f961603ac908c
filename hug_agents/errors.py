"""Every way to fail, in one tree.

HugError
├── UsageError                 what was given cannot be used: a bad flag, file, path or value      (exit 2)
│   ├── SpecError              a deployment spec that contradicts itself
│   ├── UnsupportedError       asked for by name, and not something this version can make
│   ├── PromptError            a prompt file is missing, malformed, or lacks a variable
│   ├── PolicyError            a governance policy that cannot be used; each problem with its line and field
│   ├── SigningKeyError        a key that cannot be read, or that others can read
│   └── OutputConflict         writing would destroy a file that is not ours
├── ModelError                 a language model gave nothing usable within its budget              (exit 1)
│   ├── ModelUnavailable       it could not be reached, or refused the credentials
│   ├── ModelAnswerInvalid     it answered, and the answer did not fit the schema
│   └── BudgetExceeded         attempts, tokens or seconds ran out
├── MissingProgram             a program that is needed is not installed; the message says how       (exit 2)
├── ProcessError               a program could not be started, or ran past its time                (exit 1)
├── HttpError                  a server did not answer, or refused; `status` is its code            (exit 1)
├── StoreError                 what lasts could not be read or written                             (exit 1)
│   └── TamperedObject         a stored file no longer has the digest that names it
├── ApprovalError              governance said no                                                  (exit 1)
│   ├── DecisionRefused        a decision was not taken, and nothing changed; `reason` is a code
│   ├── NotApproved            an effect without the signatures, gates or window it needs          (exit 5)
│   ├── EnvironmentBusy        another release or process is at work in the environment            (exit 5)
│   ├── NeedsPerson            a release is under way, and only a person can say how it goes on     (exit 5)
│   │   └── InDoubt            an effect was begun, and nobody can tell whether it happened
│   └── LedgerBroken           the ledger was changed; names the first entry that is wrong
├── MissingExtra               an optional package is needed; the message says which               (exit 2)
└── QuestionsPending           the request cannot be built before these are answered               (exit 4)

A message says what happened, where, and what to do next. `exit_code` is what the CLI returns.
"""

from __future__ import annotations

from typing import Any, ClassVar


class HugError(Exception):
    """The root of every error that this library raises on purpose."""

    exit_code: ClassVar[int] = 1
    run: str = ""
    """The run that was under way and is kept; empty where there is none."""

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


class PolicyError(UsageError):
    """A governance policy that cannot be used. `problems` holds every one, each with its line and field."""

    def __init__(self, what: str, *, where: str = "", hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(what, where=where, hint=hint)
        self.problems = problems or (what,)


class SigningKeyError(UsageError):
    """A signing key that cannot be read, is of another kind, or that others can read."""


class OutputConflict(UsageError):
    """A file in the output folder is not ours to replace. Nothing was written."""


class ModelError(HugError):
    """A model gave nothing usable. The run's state is kept: resume it, also with another model.

    `spent` is the `Usage` of the question that failed; None where none was asked.
    """

    spent: Any = None


class ModelUnavailable(ModelError):
    """The model could not be reached, does not exist, or refused the credentials."""


class ModelAnswerInvalid(ModelError):
    """The model answered, and the answer did not fit the schema."""


class BudgetExceeded(ModelError):
    """The budget of attempts, tokens or seconds ran out."""


class ProcessError(HugError):
    """A program could not be started, or ran past its time."""


class HttpError(HugError):
    """A server did not answer, or refused. `status` is the HTTP status; None: there was no answer."""

    def __init__(self, what: str, *, where: str = "", hint: str = "", status: int | None = None) -> None:
        super().__init__(what, where=where, hint=hint)
        self.status = status


class StoreError(HugError):
    """What lasts could not be read or written."""


class TamperedObject(StoreError):
    """A stored file no longer has the digest that names it."""


class ApprovalError(HugError):
    """Governance said no."""


class DecisionRefused(ApprovalError):
    """A decision was not taken and nothing changed. `reason` is a code of `hug_agents.approve.decision.Reason`."""

    def __init__(self, what: str, *, reason: str, where: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.reason = reason


class NotApproved(ApprovalError):
    """An effect was asked for without what it needs. `missing` names each thing, one a line."""

    exit_code = 5

    def __init__(self, what: str, *, missing: tuple[str, ...] = (), where: str = "", hint: str = "") -> None:
        self.missing = missing
        lines = "".join(f"\n  missing: {item}" for item in missing)
        super().__init__(what + lines, where=where, hint=hint)


class EnvironmentBusy(ApprovalError):
    """Another release holds the environment, or another process is at work in it. Nothing was changed."""

    exit_code = 5


class NeedsPerson(ApprovalError):
    """A release is under way, and only a person can say how it goes on. `matter`: the digest of what is asked."""

    exit_code = 5

    def __init__(self, what: str, *, matter: str, where: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.matter = matter


class InDoubt(NeedsPerson):
    """An effect was begun before a crash, and the world does not tell whether it happened. A person has to look."""


class LedgerBroken(ApprovalError):
    """The ledger is not as it was written. `seq` is the first entry that is wrong."""

    def __init__(self, what: str, *, seq: int, where: str = "", hint: str = "") -> None:
        self.seq = seq
        super().__init__(f"entry {seq}: {what}", where=where, hint=hint)


class MissingExtra(HugError):
    """A feature needs an optional package."""

    exit_code = 2

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional package", hint=f"pip install 'hug-agents[{extra}]'")


class MissingProgram(HugError):
    """A program that is needed is not installed."""

    exit_code = 2

    def __init__(self, program: str, install: str) -> None:
        super().__init__(f"{program} is not installed", hint=f"install it with {install}")


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
