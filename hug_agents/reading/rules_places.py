"""Where it runs: environments, regions, accounts, clusters, namespaces, host names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.reading.document import Document, Mention, Phrases
from hug_agents.reading.environments import Environments, own_environments
from hug_agents.reading.scope import Status
from hug_agents.reading.vocabulary import AWS_PLACES, AWS_REGIONS, AZURE_REGIONS, ENVIRONMENTS, GCP_REGIONS

_PLACES = Phrases(AWS_PLACES)
_ENVIRONMENTS = Environments()
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}\Z")
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
_CLUSTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,99}\Z")
_NOT_A_SITE = re.compile(
    r"(?:^|\.)(?:github|gitlab|bitbucket|ghcr|docker|quay|gcr|amazonaws|atlassian|slack|npmjs|pypi)\."
)
_FILE_ENDS = frozenset(
    "py js ts go json yml yaml toml md txt tf sh html css java xml lock io.js conf ini cfg env jar sql cs rb".split()
)
_NOT_DOMAINS = frozenset(
    "node.js next.js nest.js express.js vue.js asp.net e.g i.e fly.io docker.io ghcr.io quay.io".split()
)
_NO_NAMES = frozenset(
    "down up ready healthy full broken busy gone "
    "the a an our my your this that existing new same kubernetes k8s eks gke aks ecs nomad production prod "
    "staging dev test qa own shared aws gcp azure cluster clusters namespace separate dedicated single one two "
    "three its each their on in to and with is managed called named name small big main local private public "
    "tbc tbd tba unknown undecided pending open unclear "
    "default current old redis postgres database fargate k3s cloud company team target right us eu internal for "
    "running deployed hosted here there already should must of by or as under called named production-grade".split()
)

_NAMES_TOO = frozenset("main default shared local".split())
"""Adjectives before `cluster`, and names behind it: `the main cluster`, `the cluster main`."""


def environments(doc: Document) -> Iterator[Mention]:
    """Environments by name. `stage` and `test` also are plain words, so they need more."""
    for first, last, (name, role) in _ENVIRONMENTS.find(doc):
        word = doc.lower(first)
        if word in ("stage", "qa", "dev") and _plain_word(doc, first, last):
            continue
        if word in ("production", "prod", "staging") and doc.lower(last) in ("ready", "grade", "team", "-ready"):
            continue
        if any(own == role for _, own in own_environments(doc).values()) and doc.lower(last) in _SEVERAL:
            continue  # `two production environments`, each of which has its own name
        yield doc.mention(f"environments.{name}.role", role, first, last)
    yield from _listed(doc)


_SEVERAL = frozenset("environments envs sites regions stages".split())


def _plain_word(doc: Document, first: int, last: int) -> bool:
    """`each stage`, `QA team`, `dev tools`."""
    if doc.lower(first) == "stage":
        around = (*doc.words(first - 5, first), *doc.words(last, last + 4))
        return not any(word in ("prod", "production", "dev", "in", "to", "environment") for word in around)
    return doc.lower(last) in (
        "team",
        "teams",
        "tools",
        "engineer",
        "engineers",
        "lead",
        "dependencies",
        "server",
        "mode",
        "people",
        "of",
    ) or doc.lower(first - 1) in ("backend", "frontend", "a", "senior", "web", "app", "lead")


def _listed(doc: Document) -> Iterator[Mention]:
    """`environments: dev, test, prod`: here, plain words are names too."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in {"environments", "envs"}:
            continue
        for place in range(index + 1, min(index + 12, doc.sentence(index).last)):
            word = doc.lower(place)
            if word == "test":
                yield doc.mention("environments.test.role", "staging", place, place + 1)
            elif word == "development":
                yield doc.mention("environments.development.role", "development", place, place + 1)


_THINGS = frozenset(
    "database databases db bucket buckets backup backups certificate certificates s3 data logs dns registry ecr "
    "snapshots replica copy disaster recovery dr archive users customers office".split()
)


def _of_a_thing(doc: Document, index: int) -> bool:
    """`the database in eu-central-1`: a region of something else than what is deployed."""
    start = doc.sentence(index).first
    place = index - 1
    while place >= start and doc.lower(place) not in (",", ";", "and", "but", "("):
        if doc.lower(place) in _THINGS:
            return True
        place -= 1
    return False


_PEOPLE = frozenset(
    "office offices customers clients people employees headquarters headquartered based company users born "
    "meeting conference live-in founder founders".split()
)
_HOSTING = frozenset(
    "aws amazon region ecs eks fargate deploy deployed run runs running host hosted put ship launch kubernetes "
    "k8s rds cluster regions goes go prod production staging release move migrate cloud live infrastructure "
    "service up nomad over".split()
)


def regions(doc: Document) -> Iterator[Mention]:
    """Regions by code, and of AWS by the place that it names them after."""
    for index, token in enumerate(doc.tokens):
        word = token.lower
        zone = word[:-1] if word[-1:].isalpha() and word[-2:-1].isdigit() else word
        if zone in AWS_REGIONS:
            if zone == word:
                unsure: Status | None = "uncertain" if _of_a_thing(doc, index) else None
                yield doc.mention("environment.region", word, index, index + 1, status=unsure)
                yield doc.mention("environment.cloud", "aws", index, index + 1)
        elif word in GCP_REGIONS:
            yield doc.mention("environment.region", word, index, index + 1)
            yield doc.mention("environment.cloud", "gcp", index, index + 1)
        elif word in AZURE_REGIONS:
            yield doc.mention("environment.region", word, index, index + 1)
            yield doc.mention("environment.cloud", "azure", index, index + 1)
    for first, last, region in _PLACES.find(doc):
        if (
            doc.lower(last) in ("time", "office", "team", "hours", "timezone", "customers", "users")
            or doc.lower(last) == "'s"
        ):
            continue
        sentence = doc.sentence(first)
        words = set(doc.words(sentence.first, sentence.last))
        if words & _PEOPLE or not words & _HOSTING and len(words) > 4:
            continue
        named = doc.words(first - 2, first) in (("region", "is"), ("region", "="))
        named = named or doc.lower(first - 1) in (",", "/", "-") and doc.lower(first - 2) in _HOSTING
        if named or doc.lower(first - 1) in (
            "in",
            "aws",
            "region",
            "the",
            "(",
            "to",
            ":",
            "use",
            "from",
            "and",
            "amazon",
            "ecs",
            "eks",
            "fargate",
            "=",
            "of",
            "at",
        ):
            yield doc.mention("environment.region", region, first, last)


def accounts(doc: Document) -> Iterator[Mention]:
    """AWS account ids: twelve digits with the word `account` before them."""
    for index, token in enumerate(doc.tokens):
        digits = token.lower.replace("-", "")
        if len(digits) == 12 and digits.isdigit() and len(token.lower) in (12, 14):
            near = doc.words(max(index - 5, doc.sentence(index).first), index)
            if any(word.startswith("account") or word in ("aws", "acct") for word in near):
                yield doc.mention("environment.account", digits, index, index + 1)


def named_places(doc: Document) -> Iterator[Mention]:
    """`cluster payments-prod`, `the blue cluster`, `namespace payments`."""
    for index, token in enumerate(doc.tokens):
        ended = index + 2 >= doc.sentence(index).last or doc.lower(index + 2) in (",", ".", ";")
        listed = doc.lower(index - 1) == "," and ended  # `..., ns geo, ...`
        quoted = doc.lower(index + 1) in _QUOTES and doc.lower(index + 3) in _QUOTES
        short = token.lower == "ns" and (doc.lower(index + 1) in ("=", ":") or listed or quoted)
        runtime = quoted and token.lower in _ON_CLUSTERS  # `on Kubernetes "blue"`
        if token.lower in ("cluster", "namespace") or short or runtime:
            if (place := _name_after(doc, index)) is None:
                place = _name_before(doc, index)
            if place is None:
                continue
            text = doc.raw(place, place + 1)
            kind = "namespace" if short else "cluster" if runtime else token.lower
            if kind == "namespace" and not _NAME.match(text) or not _CLUSTER.match(text):
                continue
            low, high = min(place, index), max(place, index) + 1
            yield doc.mention(f"environment.{kind}", text, place, place + 1, since=low, until=high)


_QUOTES = frozenset("` \" '".split())
_ON_CLUSTERS = frozenset("kubernetes k8s eks gke aks".split())


def _name_after(doc: Document, index: int) -> int | None:
    place = index + 1
    marked = False
    while (
        doc.lower(place) in ("is", "called", "named", "name", ":", "=", "`", '"', "'", "will", "be", "(")
        and place - index < 5
    ):
        marked = True
        place += 1
    if place >= len(doc.tokens) or doc.sentence_of[place] != doc.sentence_of[index]:
        return None
    token = doc.tokens[place]
    named = token.lower in _NAMES_TOO and doc.lower(place - 1) not in ("is", "be")  # `the cluster is shared`
    if token.kind != "word" or token.lower in _NO_NAMES and not named or token.lower in ENVIRONMENTS and not marked:
        return None
    special = any(char in token.lower for char in "-_/") or any(char.isdigit() for char in token.lower)
    ends = doc.lower(place + 1) in _AFTER_NAME or place + 1 >= doc.sentence(index).last
    special = (
        special
        or ends
        and token.lower not in ("please", "here", "there", "only", "first", "too", "now", "then", "everywhere")
    )
    return place if (marked or special) and token.lower not in AWS_REGIONS | GCP_REGIONS | AZURE_REGIONS else None


_AFTER_NAME = frozenset(", . ? ! and ) ; ` in ( everywhere for on with throughout please".split()) | {""}


def _name_before(doc: Document, index: int) -> int | None:
    place = index - 1
    while place > 0 and doc.lower(place) in ("`", '"', "'", "kubernetes", "k8s", "eks", "gke", "aks", "ecs", "nomad"):
        place -= 1
    if place < 0 or doc.sentence_of[place] != doc.sentence_of[index]:
        return None
    token = doc.tokens[place]
    special = "-" in token.lower or any(char.isdigit() for char in token.lower)
    known = token.lower in _NO_NAMES or token.lower in AWS_REGIONS | GCP_REGIONS | AZURE_REGIONS
    plain = token.lower in (
        "on-prem",
        "self-hosted",
        "bare-metal",
        "on-premises",
        "self-managed",
        "in-house",
        "multi-az",
        "on-premise",
    )
    return place if token.kind == "word" and special and not known and not plain else None


def domains(doc: Document) -> Iterator[Mention]:
    """Host names that users reach, by words such as `at`, `domain` or a URL."""
    for index, token in enumerate(doc.tokens):
        word = token.lower
        if token.kind == "url":
            host = word.partition("://")[2].partition("/")[0].partition(":")[0]
            if _DOMAIN.match(host) and not _NOT_A_SITE.search(host) and _cue(doc, index):
                yield doc.mention("environment.domain", host, index, index + 1)
        elif token.kind == "word" and "." in word and _DOMAIN.match(word) and word not in _NOT_DOMAINS:
            if (
                word.rpartition(".")[2] in _FILE_ENDS
                or _NOT_A_SITE.search(word)
                or word.count(".") == 1
                and len(word) < 5
            ):
                continue
            if _cue(doc, index) and doc.lower(index - 1) not in ("@",) and doc.lower(index + 1) not in ("/", ":"):
                yield doc.mention("environment.domain", word, index, index + 1)


_OTHER_HOSTS = frozenset(
    "redis postgres postgresql mysql rds database db cache queue registry email mail "
    "mailto slack repo repository docs documentation image images push smtp wiki proxy".split()
)


def _of_a_variable(doc: Document, start: int, index: int) -> bool:
    """`FHIR_BASE_URL can stay a variable: https://x.org`: what a variable points to is another's."""
    return any(_VARIABLE.match(doc.raw(place, place + 1)) for place in range(start, index))


_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z")


def _cue(doc: Document, index: int) -> bool:
    start = doc.sentence(index).first
    near = doc.words(max(index - 6, start), index) or doc.asked(index)
    if any(word in _OTHER_HOSTS for word in near) or _of_a_variable(doc, start, index):
        return False
    if any(
        word in ("domain", "dns", "host", "hostname", "url", "reachable", "served", "website", "available")
        for word in near
    ):
        return True
    linked = doc.lower(index - 1) in ("is", "=", "\u2192", "->", ":")
    if doc.lower(index - 1 - linked) in ENVIRONMENTS:  # `staging is x.acme.com`, `..., staging x.acme.com`
        return True
    return doc.lower(index - 1) in ("at", "under", "behind", "domain", "host", ":", "as", "on") and bool(near)
