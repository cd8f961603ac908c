"""Systems, clouds and strategies that a text names, wanted or not, and what is named and cannot be made."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.reading.document import Document, Mention, Phrases
from hug_agents.reading.vocabulary import CLOUDS, ONE_AT_A_TIME, STRATEGIES, SYSTEMS, UNSUPPORTED

_SYSTEMS = Phrases(SYSTEMS)
_CLOUDS = Phrases(CLOUDS)
_STRATEGIES = Phrases({phrase: (phrase, kind) for phrase, kind in STRATEGIES.items()})
_UNSUPPORTED = Phrases(UNSUPPORTED)
_FAMILIES = Phrases(
    {
        **dict.fromkeys(("infrastructure as code", "iac", "infrastructure-as-code", "infra as code"), "toolchain.iac"),
        **dict.fromkeys(("ci", "ci/cd", "pipelines", "pipeline", "a pipeline"), "toolchain.ci"),
    }
)
# Names of resources inside a cloud say which cloud only when they are wanted.
_HINTS = frozenset({"rds", "elasticache", "sqs", "s3", "ecr"})
_ELASTIC = frozenset("ip ips load block file cache beanstalk scaling network compute map kubernetes container".split())
"""After `elastic`, these are parts of AWS."""
_BEFORE_A_NAME = frozenset("called named cluster namespace service queue bucket team".split())


def systems(doc: Document) -> Iterator[Mention]:
    """Systems of the toolchain by name."""
    for first, last, (path, system) in _SYSTEMS.find(doc):
        other = last - first == 1 and doc.lower(first) == "elastic" and doc.lower(last) in _ELASTIC
        if not other and not _part_of_a_name(doc, first):
            yield doc.mention(path, system, first, last)
    yield from _gitlab(doc)
    for first, last, path in _FAMILIES.find(doc):
        used = any(row == path and doc.status_of(at, to) == "asserted" for at, to, (row, _) in _SYSTEMS.find(doc))
        if doc.status_of(first, last) == "negated" and not used and not _qualified(doc, first):
            yield doc.mention(path, "none", first, last, status="asserted", since=_negation(doc, first))


_WATCHING = frozenset("monitoring observability".split())
_WITH = frozenset("with by via through using stack tool system yet in on for of".split())


def unwatched(doc: Document) -> Iterator[Mention]:
    """`No monitoring at all`: what is written by default is not wanted either."""
    for index, token in enumerate(doc.tokens):
        refused = (
            token.lower in _WATCHING
            and doc.status[index] == "negated"
            and doc.lower(index - 1) in ("no", "any", "without")
        )
        if refused and doc.lower(index + 1) not in _WITH:
            yield doc.mention("toolchain.monitors", "prometheus", index, index + 1, since=index - 1, status="negated")


def _gitlab(doc: Document) -> Iterator[Mention]:
    """`GitLab for the pipelines`, `terraform + gitlab`, `via gitlab`: alone, beside what it does or in a list."""
    for index, token in enumerate(doc.tokens):
        sentence = doc.sentence(index)
        near = doc.words(max(index - 5, sentence.first), min(index + 6, sentence.last))
        known = _SYSTEMS.at(doc, index) is not None or doc.lower(index + 1) in ("registry", "repo", "repository")
        if token.lower != "gitlab" or known:
            continue
        listed = doc.lower(index - 1) in _LISTED and _SYSTEMS.at(doc, index - 2) is not None
        listed = listed or doc.lower(index + 1) in _LISTED and _SYSTEMS.at(doc, index + 2) is not None
        alone = sentence.last - sentence.first - (doc.lower(sentence.last - 1) == ".") == 1
        means = doc.lower(index - 1) in ("via", "through", "using") and doc.lower(index + 1) not in _NOT_PIPELINES
        if listed or alone or means or {"ci", "pipeline", "pipelines", "builds", "ci/cd"} & set(near):
            yield doc.mention("toolchain.ci", "gitlab_ci", index, index + 1)


_NOT_PIPELINES = frozenset("issues issue sso login oauth auth runners pages tickets ticket wiki".split())
_LISTED = frozenset("+ , and & /".split())


def clouds(doc: Document) -> Iterator[Mention]:
    """Clouds by name, or by a service that only one of them has."""
    for first, last, cloud in _CLOUDS.find(doc):
        phrase = " ".join(doc.words(first, last))
        status = doc.status_of(first, last)
        if _part_of_a_name(doc, first) or phrase in _HINTS and status != "asserted":
            continue
        if status == "negated" and phrase not in ("aws", "gcp", "azure", "google cloud", "amazon web services"):
            continue  # "not on ECS" says nothing of AWS
        yield doc.mention("environment.cloud", cloud, first, last)


def strategies(doc: Document) -> Iterator[Mention]:
    """How a new version takes over."""
    for first, last, (phrase, kind) in _STRATEGIES.find(doc):
        if phrase in ("rolling",) and doc.lower(last) in ("back", "window", "average", "windows", "logs", "7", "30"):
            continue
        since = first
        yield doc.mention("strategy.kind", kind, first, last, since=since)
        if phrase in ONE_AT_A_TIME:
            yield doc.mention("strategy.one_at_a_time", True, first, last)


def unsupported(doc: Document) -> Iterator[tuple[int, int, str, str]]:
    """What is wanted by name and cannot be made: its token span, family and name."""
    for first, last, (family, name) in _UNSUPPORTED.find(doc):
        if doc.status_of(first, last) == "asserted" and not _part_of_a_name(doc, first):
            yield first, last, family, name


def clusters_to_make(doc: Document) -> Iterator[tuple[int, int]]:
    """`Terraform an EKS cluster`, `spin up a new GKE cluster`: the token span of a cluster that is to be made."""
    for index, token in enumerate(doc.tokens):
        if token.lower != "cluster" or doc.status[index] != "asserted":
            continue
        start = doc.sentence(index).first
        place = index - 1
        while place >= start and doc.lower(place) not in _ARTICLES and index - place < _LONG:
            place -= 1
        run = doc.words(place + 1, index)
        while doc.lower(place - 1) in _ARTICLES:
            place -= 1
        verb = place - 1 - (doc.lower(place - 1) in ("up", "me", "us"))
        if verb >= start and doc.lower(verb) in _MAKES and _RUNTIMES & set(run):
            yield verb, index + 1


_ARTICLES = frozenset("a an one new our".split())
_MAKES = frozenset("terraform create provision build make set spin stand bring bootstrap write".split())
_RUNTIMES = frozenset("eks gke aks kubernetes k8s k3s nomad".split())
_LONG = 6


def _part_of_a_name(doc: Document, first: int) -> bool:
    return doc.lower(first - 1) in _BEFORE_A_NAME and doc.lower(first - 1) in ("called", "named")


def _qualified(doc: Document, first: int) -> bool:
    """`no Jenkins pipeline`, `no deploy pipeline in dev`: not a refusal of every pipeline."""
    return doc.lower(first - 1) not in (
        "no",
        "any",
        "without",
        "need",
        "want",
        "have",
        "do",
        "using",
        "the",
        "a",
        "use",
        "or",
        "nor",
        "not",
    )


def _negation(doc: Document, first: int) -> int:
    start = doc.sentence(first).first
    return (
        next(
            (place for place in range(first - 1, max(start, first - 8) - 1, -1) if doc.status[place] != "negated"),
            start - 1,
        )
        + 1
    )
