"""Whether a service is reachable at all: `internal only`, `not public`; `no HTTP`, `no port`."""

from __future__ import annotations

from collections.abc import Iterator

from hug_agents.reading.document import Document, Mention, Phrases

_INTERNAL = Phrases(
    dict.fromkeys(
        (
            "internal only", "internal-only", "internally only", "only internal", "only internally", "is internal",
            "internal service", "internal api", "internal app", "private service", "purely internal",
            "stays internal", "stays inside",
            "stay inside", "only inside", "only within",
            "only from inside", "only from within", "remains internal",
            "must be internal", "should be internal", "keep it internal", "cluster-internal",
            "not internet-facing", "not internet facing",
        ),
        False,
    )
    | dict.fromkeys(
        (
            "not public", "not be public", "not publicly", "not be publicly", "isn't public", "no public access",
            "no public ingress", "not exposed publicly", "not exposed to the internet", "not reachable from outside",
            "not exposed to the public", "not be exposed to the internet", "never public", "no public endpoint",
            "without a public endpoint", "without public access",
            "without public ingress", "without a public ip", "no public ip", "no public address", "not public-facing",
        ),
        True,
    )
)  # fmt: skip
"""Phrases that keep a service inside, and whether they hold their own negation."""


def exposure(doc: Document) -> Iterator[Mention]:
    """Services that must not be reached from outside. Nothing else is claimed: reachable is the default."""
    for first, last, own in _INTERNAL.find(doc):
        found = set(doc.status[first:last])
        before = doc.status[first - 1] if first > doc.sentence(first).first else "asserted"
        plain = found <= {"asserted", "negated"} and "negated" in found if own else found == {"asserted"}
        network = bool(_NETWORKS & set(doc.words(last, last + 3)))  # `only inside the VPC`
        within = doc.lower(last - 1) in ("inside", "within")
        if within and not network and doc.lower(last) not in (".", ",", ";", ")", ""):
            continue  # `the data stays inside the EU`
        noun = doc.lower(last - 1) in ("service", "api", "app")
        if noun and doc.words(first - 2, first) not in (("is", "an"), ("it's", "an"), ("is", "a"), ("it's", "a")):
            continue  # `it calls the internal service ledger` speaks of another
        if doc.lower(last) in ("port", "ports", "traffic", "network", "dns", "tools", "users"):
            continue
        if not own and doc.lower(first - 1) == "," and before == "negated" and found == {"negated"}:
            plain = True  # `no public access, internal only`
        yield doc.mention("service.public", False, first, last, status="asserted" if plain else before)


_NETWORKS = frozenset("vpc cluster network vpn intranet".split())
_REACHED = frozenset("reachable accessible exposed available visible open reached accessed".split())
_OUTSIDE = frozenset("internet outside public publicly world externally web".split())
_LINKS = frozenset("from to on over via by the be it".split())


def unreachable(doc: Document) -> Iterator[Mention]:
    """`must not be reachable from the internet`, in whatever words: not, reached, and outside close together."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in _REACHED or doc.status[index] != "negated":
            continue
        sentence = doc.sentence(index)
        for place in (*range(index + 1, min(index + 5, sentence.last)), index - 1):
            if doc.lower(place) in _OUTSIDE and all(word in _LINKS for word in doc.words(index + 1, place)):
                low, high = min(index, place), max(index, place) + 1
                yield doc.mention("service.public", False, low, high, status="asserted")
                break


_PUBLIC = frozenset("public internet-facing exposed reachable accessible".split())
_NOT = (("isn't",), ("is", "not"), ("are", "not"), ("aren't",), ("not",), ("ain't",))


def elliptic(doc: Document) -> Iterator[Mention]:
    """`The UI is public, the API isn't`: what is denied stands in the part before."""
    for sentence in doc.sentences:
        ends = sentence.last - (doc.lower(sentence.last - 1) in (".", "!", ")"))
        denial = next((words for words in _NOT if doc.words(ends - len(words), ends) == words), None)
        words = doc.words(sentence.first, ends)
        if denial and {",", "but", "and", ";", "while"} & set(words) and _PUBLIC & set(words):
            first = ends - len(denial)
            if not {"not", "isn't", "never"} & set(words[: len(words) - len(denial)]):
                yield doc.mention("service.public", False, first, ends, status="asserted")


_SERVES_NOTHING = Phrases(
    dict.fromkeys(
        (
            "no http", "no port", "no ports", "no web server", "no http server", "no http port", "no listening port",
            "no open port", "no open ports", "no exposed port", "no exposed ports", "no inbound traffic",
            "without http", "without a port", "without ports", "doesn't listen", "does not listen", "no web port",
        ),
        "worker",
    )
)  # fmt: skip
_ENDS = frozenset("job cron cronjob nightly scheduled schedule batch".split())


def serves_nothing(doc: Document) -> Iterator[Mention]:
    """A service without a port: a worker, or a job where the text speaks of one."""
    kind = "job" if any(token.lower in _ENDS for token in doc.tokens) else "worker"
    for first, last, _ in _SERVES_NOTHING.find(doc):
        after = doc.tokens[last].kind if last < len(doc.tokens) else "punct"
        if (
            doc.lower(last) in ("for", "on", "mapping", "forwarding", "number", "conflicts", "errors")
            or after == "number"
        ):
            continue
        before = doc.status[first - 1] if first > doc.sentence(first).first else "asserted"
        if set(doc.status[first:last]) <= {"negated", "asserted"} and before in ("asserted", "negated"):
            yield doc.mention("service.kind", kind, first, last, status="asserted")
