"""Logstash: pipelines parsed by the grammar of its configuration language, with the plugins and options that it ships.

Sources: elastic/logstash `logstash-core/lib/logstash/compiler/lscl/lscl_grammar.rb` and the reference of each plugin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from hug_agents.bundle import Bundle
from hug_agents.validate.gate import Finding, Gate, Workspace
from hug_agents.validate.located import Malformed, documents

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<arrow>=>)
    |(?P<regexp>/(?:\\.|[^/\\\n])*/)
    |(?P<operator>==|!=|<=|>=|<|>|=~|!~)
    |(?P<selector>(?:\[[^\[\],\s]+\])+)
    |(?P<number>-?\d+(?:\.\d+)?)
    |(?P<word>[A-Za-z_][\w-]*)
    |(?P<mark>[{}\[\](),!])""",
    re.VERBOSE,
)
_EVERY = frozenset(("id", "enable_metric"))
_INPUT = _EVERY | frozenset(("add_field", "tags", "type", "codec"))
_FILTER = _EVERY | frozenset(("add_field", "add_tag", "remove_field", "remove_tag", "periodic_flush"))
_OUTPUT = _EVERY | frozenset(("codec", "workers"))


def _of(common: frozenset[str], text: str) -> frozenset[str]:
    return common | frozenset(text.split())


PLUGINS: dict[str, dict[str, frozenset[str]]] = {
    "input": {
        "beats": _of(
            _INPUT,
            "port host ecs_compatibility ssl_enabled ssl_certificate ssl_key ssl_key_passphrase ssl_certificate_authorities "
            "ssl_client_authentication ssl_supported_protocols ssl_cipher_suites ssl_handshake_timeout client_inactivity_timeout "
            "add_hostname include_codec_tag executor_threads event_loop_threads enrich",
        ),
        "dead_letter_queue": _of(_INPUT, "path pipeline_id commit_offsets clean_consumed sincedb_path start_timestamp"),
        "sqs": _of(_INPUT, "queue queue_owner_aws_account_id region role_arn polling_frequency threads"),
        "stdin": _INPUT,
    },
    "filter": {
        "date": _of(_FILTER, "match target tag_on_failure locale timezone"),
        "dissect": _of(_FILTER, "mapping convert_datatype tag_on_failure"),
        "drop": _of(_FILTER, "percentage"),
        "fingerprint": _of(_FILTER, "source target method key concatenate_sources base64encode ecs_compatibility"),
        "grok": _of(_FILTER, "match overwrite break_on_match tag_on_failure pattern_definitions timeout_millis target"),
        "json": _of(_FILTER, "source target skip_on_invalid_json tag_on_failure ecs_compatibility"),
        "mutate": _of(
            _FILTER,
            "convert copy gsub join lowercase merge coerce rename replace split strip update uppercase capitalize "
            "tag_on_failure",
        ),
        "prune": _of(_FILTER, "blacklist_names blacklist_values interpolate whitelist_names whitelist_values"),
        "ruby": _of(_FILTER, "code init path script_params tag_on_exception tag_with_exception_message"),
        "truncate": _of(_FILTER, "fields length_bytes"),
        "uuid": _of(_FILTER, "target overwrite"),
    },
    "output": {
        "elasticsearch": _of(
            _OUTPUT,
            "hosts api_key user password cloud_id cloud_auth ssl_enabled ssl_verification_mode ssl_certificate_authorities "
            "ssl_certificate ssl_key ssl_keystore_path data_stream data_stream_type data_stream_dataset data_stream_namespace "
            "data_stream_auto_routing data_stream_sync_fields index action document_id pipeline manage_template template "
            "template_name ilm_enabled ecs_compatibility retry_initial_interval retry_max_interval timeout pool_max "
            "http_compression compression_level dlq_on_failed_indexname_interpolation custom_headers sniffing routing",
        ),
        "file": _of(_OUTPUT, "path create_if_deleted gzip write_behavior flush_interval"),
        "stdout": _OUTPUT,
    },
}
"""By section and name: the options of the plugins that Logstash ships and that a bundle may use."""
_NEEDS = {
    "beats": ("port",),
    "dead_letter_queue": ("path",),
    "json": ("source",),
    "date": ("match",),
    "elasticsearch": ("hosts",),
}
_SECRETS = frozenset(("api_key", "password", "ssl_key_passphrase", "cloud_auth", "ssl_keystore_password"))
_REFERENCE = re.compile(r"\$\{[A-Za-z_]\w*(?::[^}]*)?\}\Z")
_SETTINGS = re.compile(
    r"^(pipeline\.(id|workers|batch\.(size|delay)|ecs_compatibility|ordered|unsafe_shutdown)|path\.(config|data|logs|queue|dead_letter_queue)"
    r"|queue\.(type|max_bytes|max_events|page_capacity|drain|checkpoint\.(writes|acks|retry|interval))|config\.(reload\.(automatic|interval)|support_escapes|string)"
    r"|dead_letter_queue\.(enable|max_bytes|flush_interval|storage_policy|retain\.age)|api\.(enabled|http\.(host|port)|environment)|log\.(level|format)|node\.name"
    r"|monitoring\.enabled|xpack\.monitoring\.enabled|allow_superuser)$"
)


class Mistake(Exception):
    """A text that is no pipeline, and the line where that shows."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Token(NamedTuple):
    """A word of the language."""

    kind: str
    text: str
    line: int


class Option(NamedTuple):
    """`name => value`."""

    name: str
    value: Any
    line: int


class Plugin(NamedTuple):
    """One use of a plugin."""

    section: str
    name: str
    options: tuple[Option, ...]
    line: int


def parse(text: str) -> tuple[Plugin, ...]:
    """Every plugin of a pipeline, in order. Raises Mistake."""
    return tuple(_Parser(text).sections())


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def sections(self) -> Iterator[Plugin]:
        while self._peek().kind != "end":
            word = self._take("word")
            if word.text not in PLUGINS:
                raise Mistake(f"input, filter or output is expected, not {word.text!r}", word.line)
            yield from self._block(word.text)

    def _block(self, section: str) -> Iterator[Plugin]:
        self._mark("{")
        branch = False
        while self._peek().text != "}":
            word = self._take("word")
            if word.text == "if":
                self._condition(word.line)
                yield from self._block(section)
                branch = True
            elif word.text == "else":
                if not branch:
                    raise Mistake("an else without an if", word.line)
                if self._peek().text == "if":
                    self._take("word")
                    self._condition(word.line)
                else:
                    branch = False
                yield from self._block(section)
            else:
                branch = False
                yield self._plugin(section, word)
        self._mark("}")

    def _plugin(self, section: str, word: Token) -> Plugin:
        self._mark("{")
        options = []
        while self._peek().text != "}":
            name = self._next()
            if name.kind not in ("word", "string"):
                raise Mistake(f"the name of an option is expected, not {name.text!r}", name.line)
            self._arrow()
            options.append(Option(_plain(name), self._value(), name.line))
        self._mark("}")
        return Plugin(section, word.text, tuple(options), word.line)

    def _value(self) -> Any:
        token = self._next()
        if token.kind in ("string", "number", "word"):
            if token.kind == "word" and self._peek().text == "{":  # a codec
                return self._plugin("codec", token)
            return _plain(token)
        if token.kind == "selector":  # `["a"]` reads as one where it has no spaces
            return [_plain(Token("string", part, token.line)) for part in re.findall(r"\[([^\[\]]+)\]", token.text)]
        if token.text == "[":
            return self._listed()
        if token.text == "{":
            return self._mapped()
        raise Mistake(f"a value is expected, not {token.text!r}", token.line)

    def _listed(self) -> list[Any]:
        items: list[Any] = []
        while self._peek().text != "]":
            items.append(self._value())
            if self._peek().text == ",":
                comma = self._next()
                if self._peek().text == "]":
                    raise Mistake("a comma before the end of a list", comma.line)
            elif self._peek().text != "]":
                raise Mistake("a comma or ] is expected", self._peek().line)
        self._mark("]")
        return items

    def _mapped(self) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while self._peek().text != "}":
            name = self._next()
            if name.kind not in ("string", "word", "number"):
                raise Mistake(f"a key is expected, not {name.text!r}", name.line)
            self._arrow()
            items[_plain(name)] = self._value()
        self._mark("}")
        return items

    def _condition(self, line: int) -> None:
        """Words up to the block; parentheses are balanced, and it does not end in an operator."""
        depth, last = 0, ""
        while (token := self._peek()).text != "{":
            if token.kind == "end":
                raise Mistake("a condition without a block", line)
            if token.kind == "arrow":
                raise Mistake("=> in a condition; == compares", token.line)
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth < 0:
                raise Mistake("a ) too many", token.line)
            last = token.text if token.kind == "operator" or token.text in ("and", "or", "in", "not", "!") else "value"
            self._next()
        if depth or last != "value":
            raise Mistake("the condition is not finished", line)

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _take(self, kind: str) -> Token:
        token = self._next()
        if token.kind != kind:
            raise Mistake(f"a {kind} is expected, not {token.text or 'the end'!r}", token.line)
        return token

    def _mark(self, text: str) -> None:
        token = self._next()
        if token.text != text:
            raise Mistake(f"{text} is expected, not {token.text or 'the end'!r}", token.line)

    def _arrow(self) -> None:
        token = self._next()
        if token.kind != "arrow":
            raise Mistake(f"=> is expected, not {token.text or 'the end'!r}", token.line)


def _tokens(text: str) -> Iterator[Token]:
    at, line = 0, 1
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise Mistake(f"this cannot be read: {text[at : at + 40].splitlines()[0]!r}", line)
        kind, word = str(found.lastgroup), found[0]
        if kind == "selector" and re.match(r"\[\s*[\"']", word):
            # a list of strings without spaces: only its bracket is taken
            kind, word = "mark", "["
        if kind != "space":
            yield Token(kind, word.strip(), line)
        line += word.count("\n")
        at += len(word)
    yield Token("end", "", line)


def _plain(token: Token) -> str:
    return token.text[1:-1] if token.text[:1] in "\"'" else token.text


class Logstash(Gate):
    """Pipelines that Logstash would not start, or that hold a secret; `pipelines.yml` names files that there are."""

    name = "logstash"
    tool = ""

    def files(self, bundle: Bundle) -> tuple[str, ...]:
        return tuple(item.path for item in bundle if "/logstash/" in f"/{item.path}" and not item.path.endswith(".md"))

    def check(self, workspace: Workspace, files: tuple[str, ...]) -> tuple[Finding, ...]:
        findings: list[Finding] = []
        for path in files:
            text = workspace.bundle[path].content
            if path.endswith(".conf"):
                found = self._pipeline(text)
            elif path.endswith((".yml", ".yaml")):
                found = self._settings(text, path, files)
            else:
                continue
            findings += (self.finding(rule, said, file=path, line=line) for rule, said, line in found)
        return tuple(findings)

    def _pipeline(self, text: str) -> Iterator[tuple[str, str, int]]:
        try:
            plugins = parse(text)
        except Mistake as mistake:
            yield "syntax", str(mistake), mistake.line
            return
        ids: set[str] = set()
        for section in ("input", "output"):
            if not any(item.section == section for item in plugins):
                yield "structure", f"there is no {section}", 1
        for plugin in plugins:
            known = PLUGINS[plugin.section].get(plugin.name)
            if known is None:
                yield "plugin", f"no {plugin.section} is known here by the name {plugin.name!r}", plugin.line
                continue
            yield from _options(plugin, known, ids)

    def _settings(self, text: str, path: str, files: tuple[str, ...]) -> Iterator[tuple[str, str, int]]:
        try:
            read = documents(text)
        except Malformed as error:
            yield "malformed", str(error), error.line
            return
        for document in read:
            rows = document.data if isinstance(document.data, list) else [document.data]
            for index, row in enumerate(rows):
                where = (index,) if isinstance(document.data, list) else ()
                for key, value in row.items() if isinstance(row, dict) else ():
                    if not _SETTINGS.match(str(key)):
                        yield "setting", f"Logstash has no setting {key!r}", document.line(*where, key)
                    if key == "path.config":
                        name = PurePosixPath(str(value)).name
                        if not any(PurePosixPath(item).name == name for item in files):
                            yield "file", f"there is no {name} beside {path}", document.line(*where, key)


def _options(plugin: Plugin, known: frozenset[str], ids: set[str]) -> Iterator[tuple[str, str, int]]:
    given = {option.name: option for option in plugin.options}
    for option in plugin.options:
        if option.name not in known:
            yield "option", f"{plugin.section} {plugin.name} has no option {option.name!r}", option.line
        if option.name in _SECRETS and not _REFERENCE.match(str(option.value)):
            yield "secret", f"{option.name} is a value; it belongs into the keystore", option.line
        if option.name == "gsub" and (not isinstance(option.value, list) or len(option.value) % 3):
            yield "gsub", "gsub takes field, pattern and replacement, three by three", option.line
        if option.name == "id":
            if option.value in ids:
                yield "id", f"two plugins have the id {option.value!r}", option.line
            ids.add(option.value)
    for name in _NEEDS.get(plugin.name, ()):
        if name not in given:
            yield "option", f"{plugin.section} {plugin.name} needs {name}", plugin.line
    if plugin.name == "beats" and getattr(given.get("ssl_enabled"), "value", "false") != "true":
        yield "tls", "whoever reaches this port may send lines, and read those of others on the way", plugin.line
