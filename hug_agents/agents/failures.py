"""What went wrong with a model, as one of a few kinds. Providers are told apart by shape, so none need be installed.

    retried      timeout, connection, rate limit (429), server (408, 409, 425, 5xx), refusal, and an answer that is
                 empty, truncated, malformed or of the wrong shape
    steps down   400 and 422: the way of asking is not supported, so the next simpler one is tried
    final        401, 403, 404, a used-up quota, a context that is too long, and anything unknown

Nothing that a provider says is passed on before credentials are cut out of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from pydantic import BaseModel, SecretStr

from hug_agents.errors import ModelAnswerInvalid, ModelError, ModelUnavailable

Kind = Literal[
    "timeout",
    "connection",
    "rate_limit",
    "server",
    "refusal",
    "empty",
    "truncated",
    "malformed",
    "unsupported",
    "final",
]

_SECRETS = re.compile(
    r"(?i)\b(?:sk|pk|rk|xai|gsk|AIza|ghp|hf)[-_]?[A-Za-z0-9*_-]{12,}|\bbearer\s+\S+|(?<=://)[^/\s@]+(?=@)"
    r"|(?:api[-_ ]?key|authorization|token)[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic)\s+)?[^\s\"',;)]+"
)
_SHOWN = 300


class Failure(Exception):
    """One attempt failed; carries the public error and what may be done about it. Never leaves `agents`."""

    def __init__(self, kind: Kind, error: ModelError, *, wait: float | None = None) -> None:
        self.kind = kind
        self.error = error
        self.wait = wait
        """Seconds that the provider asked for, where it did."""
        super().__init__(str(error))

    @property
    def again(self) -> bool:
        """Whether another attempt may help."""
        return self.kind != "final"


def classify(error: Exception, *, secrets: tuple[str, ...] = ()) -> Failure:
    """The failure that an exception of a model client stands for."""
    names = {cls.__name__ for cls in type(error).__mro__}
    said = redact(f"{type(error).__name__}: {error}", secrets)
    if names & {"LengthFinishReasonError", "OutputParserLengthError"}:
        return Failure("truncated", ModelAnswerInvalid("the answer was cut off at the model's output limit"))
    if names & {"ContentFilterFinishReasonError", "OpenAIRefusalError"}:
        return Failure("refusal", ModelAnswerInvalid("the model refused to answer"))
    if any("ContextOverflow" in name for name in names):
        hint = "shorten the request, or use a model with a larger context"
        return Failure("final", ModelUnavailable(f"the prompt is too long for the model: {said}", hint=hint))
    if names & {"APITimeoutError", "TimeoutException", "TimeoutError"}:
        return Failure("timeout", ModelUnavailable("the model did not answer in time"))
    status = _status(error)
    if status is not None:
        return _by_status(status, error, said)
    if names & {"APIConnectionError", "TransportError", "ConnectionError", "OSError"}:
        said = f"the model could not be reached: {_unreached(error, secrets)}"
        hint = "check the base URL, and the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names, if any"
        return Failure("connection", ModelUnavailable(said, hint=hint))
    if "APIError" in names:  # told in the body of a 200, or in the middle of a stream
        return Failure("server", ModelUnavailable(f"the provider failed: {said}"))
    if isinstance(error, ValueError | TypeError | LookupError | AttributeError | AssertionError):
        # Clients raise these on a response that is not of the protocol: no choices, an error page, a missing key.
        return Failure("malformed", ModelAnswerInvalid(f"the response could not be read: {said}"))
    return Failure("final", ModelUnavailable(f"the model failed: {said}"))


def _unreached(error: BaseException, secrets: tuple[str, ...]) -> str:
    """What the network said, and of which address: a client calls all of it a connection error."""
    url = getattr(getattr(error, "request", None), "url", "")
    while error.__cause__ is not None:
        error = error.__cause__
    return redact(f"{f'{url}: ' if url else ''}{type(error).__name__}: {error}", secrets)


def _status(error: Exception) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        status = getattr(holder, "status_code", None)
        if isinstance(status, int) and status >= 400:  # a client also attaches the response that it could not read
            return status
    return None


def _by_status(status: int, error: Exception, said: str) -> Failure:
    text = f"HTTP {status}: {said}"
    if status in (401, 403):
        hint = "check the API key of the provider (for OpenAI: OPENAI_API_KEY) and what it may use"
        return Failure("final", ModelUnavailable(f"the provider refused the credentials: {text}", hint=hint))
    if status == 404:
        hint = "check the model's name and the base URL"
        return Failure("final", ModelUnavailable(f"there is no such model or address: {text}", hint=hint))
    if status == 429:
        if getattr(error, "code", None) == "insufficient_quota":
            hint = "raise the quota with the provider, or resume with another model"
            return Failure("final", ModelUnavailable(f"the quota is used up: {text}", hint=hint))
        return Failure("rate_limit", ModelUnavailable(f"too many requests: {text}"), wait=retry_after(_headers(error)))
    if status in (408, 409, 425) or status >= 500:
        return Failure("server", ModelUnavailable(f"the provider failed: {text}"), wait=retry_after(_headers(error)))
    if status in (400, 422):
        return Failure("unsupported", ModelUnavailable(f"the provider refused the request: {text}"))
    return Failure("final", ModelUnavailable(f"the provider answered unexpectedly: {text}"))


def _headers(error: Exception) -> Mapping[str, str]:
    headers: Mapping[str, str] | None = getattr(getattr(error, "response", None), "headers", None)
    return headers if headers is not None else {}


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds to wait, from `Retry-After-Ms` or `Retry-After` (RFC 9110, 10.2.3); None if not said."""
    lower = {key.lower(): value for key, value in headers.items()}
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", lower.get(name, "")):
            return float(lower[name]) / unit
    try:
        when = parsedate_to_datetime(lower.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text, cut short, on one line, without credentials."""
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    shown = "".join(char if char.isprintable() else " " for char in _SECRETS.sub("[redacted]", text))
    line = " ".join(shown.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."


def secrets_of(model: BaseModel) -> tuple[str, ...]:
    """The secret values that a model's client holds, so that they can be cut out of what it says."""
    return tuple(sorted(set(_secrets(model)), key=len, reverse=True))


def _secrets(model: BaseModel) -> Iterator[str]:
    for name in type(model).model_fields:
        value: Any = getattr(model, name, None)
        if isinstance(value, SecretStr) and len(value.get_secret_value()) >= 4:
            yield value.get_secret_value()
