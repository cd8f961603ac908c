"""Which services and which application a text is about: the names by shape put together, the weak ones last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from hug_agents.reading.document import Document, Mention, Phrases
from hug_agents.reading.naming_words import ADJECTIVES, ANAPHORA, BARE, NAME, OTHER_THINGS, ROLES, VERBS
from hug_agents.reading.rules_agreement import agree, declared, not_ours, says_what
from hug_agents.reading.rules_guesses import guessed
from hug_agents.reading.rules_images import image_name, images
from hug_agents.reading.rules_parts import headed, parts
from hug_agents.reading.rules_predicates import predicate, said_of
from hug_agents.reading.rules_services import Named, article, bare, finders, make, plain
from hug_agents.reading.rules_tables import subjects
from hug_agents.reading.rules_wholes import family, pictured, renamed, spoken_apart, wholes
from hug_agents.reading.scope import Status
from hug_agents.reading.vocabulary import DEPENDENCIES, SYSTEMS

_SYSTEMS = Phrases(SYSTEMS)
_NOUNS = frozenset("app application service svc microservice worker job".split())
_VALUES = frozenset("image img port : ( ,".split())
_LISTS = frozenset({"and", ",", ":", "&", ";", "plus", "(", "", "the", "our", "services", "things"})
_IT = frozenset("it it's its".split())
_MODALS = frozenset("needs need should must shall goes belongs has is".split())
_MOVES = frozenset("to go run live move be deployed hosted moved going on onto in into over running".split())
_VERB_LIKE = frozenset(
    "listens runs needs uses has serves exposes crashes requires reads writes lives goes sits logs traffic".split()
)


@lru_cache(maxsize=64)
def named(doc: Document) -> tuple[Named, ...]:
    """Every name in the order of the text, without overlaps; weak ones only where nothing better stands."""
    found: dict[int, Named] = {}
    for item in (
        *subjects(doc),
        *parts(doc),
        *headed(doc),
        *wholes(doc),
        *pictured(doc),
        *spoken_apart(doc),
        *finders(doc),
        *_role_first(doc),
        *_with_values(doc),
        *_leading(doc),
        *_subject(doc),
    ):
        if not _overlaps(item, found):
            found[item.first] = item
    found |= {item.first: item for item in _depicted(doc) if not _overlaps(item, found) and not _tail(item, found)}
    _composed(found)
    agree(doc, found)
    not_ours(doc, found)
    found |= {item.first: item for item in family(doc, found) if not _overlaps(item, found)}
    renamed(doc, found)
    found |= {item.first: item for item in _again(doc, found)}
    if not any(item.status == "asserted" for item in found.values()):
        found |= {item.first: item for item in _defined(doc) if not _overlaps(item, found)}
    ordered = any(doc.lower(item.first - 1) in VERBS for item in bare(doc))
    if not ordered and not any(item.status == "asserted" for item in found.values()):
        found |= {item.first: item for item in guessed(doc) if not _overlaps(item, found) or _spoken(item, found)}
    predicates = {item.first: item for item in bare(doc) if predicate(doc, item, found)}
    found |= {item.first: item for item in said_of(doc, predicates, found)}
    weak = [item for item in bare(doc) if item.first not in predicates and not _overlaps(item, found)]
    weak = [] if _depicts(doc, weak, found) else weak
    found |= (only := says_what(doc, weak, found))
    weak = [item for item in weak if item.first not in only]
    strong = {item.name for item in found.values() if item.status == "asserted" and not item.application}
    served = {item.name for item in weak if len(strong) == 1 and _served(doc, item)}
    weak = [item for item in weak if item.name not in served]
    called = _nouns(doc, found)
    for item in weak:
        tails = {name for name in strong if name.rpartition("-")[2] == item.name} or called.get(item.name, set())
        if len(tails) == 1:  # "payments-api ... the api": the same one again
            found[item.first] = Named(next(iter(tails)), item.kind, item.first, item.last, item.status, sure=False)
        elif (
            not strong
            or article(doc, item.first)
            or item.name in {name.partition("-")[0] for name in strong}
            or _opens(doc, item)
            or _SAME in zip(words := doc.words(item.last, item.last + 8), words[1:], strict=False)
        ):
            found[item.first] = item
    _alias(doc, found, strong)
    if not any(item.status == "asserted" for item in found.values()):
        found |= {item.first: item for item in _fallback(doc, found, predicates)}
    return tuple(found[place] for place in sorted(found))


def _depicted(doc: Document) -> Iterator[Named]:
    """`image acme/collector:8 for the collector and acme/viewer:8 for the viewer`: each image has its name in the text."""
    given = {image_name(str(item.value)): item.first for item in images(doc) if item.status == "asserted"}
    for index in range(len(doc.tokens)) if len(given) > 1 else ():
        if doc.lower(index) in given and plain(doc, index) and doc.status[index] == "asserted":
            before = doc.lower(index - 1) if index > doc.sentence(index).first else ""
            if before in VERBS or before in _INTRODUCED:
                yield from make(doc, doc.lower(index), ROLES.get(doc.lower(index)), index, index + 1)
                place = given[doc.lower(index)]
                if doc.sentence_of[place] != doc.sentence_of[index]:
                    yield Named(doc.lower(index), None, place, place + 1, "asserted", sure=False)


def _depicts(doc: Document, weak: list[Named], found: dict[int, Named]) -> bool:
    """`a job for acme/mailgate:1, web on 2525`: one role without an article says what the only image is."""
    pictures = {image_name(str(item.value)) for item in images(doc) if item.status == "asserted"}
    said = not any(item.status == "asserted" for item in found.values()) and len({item.name for item in weak}) == 1
    opening = {item.first for item in weak if _opens(doc, item) and item.first == doc.sentence(item.first).first}
    led = opening or any(doc.lower(item.first - 1) in _LED for item in weak)
    return said and len(pictures) == 1 and not led and not {item.name for item in weak} & pictures


_LED = ADJECTIVES | VERBS | frozenset("our my the a an called named".split())


def _tail(item: Named, found: dict[int, Named]) -> bool:
    """`karaoke-api (karaoke/api:1)`: `the API` is that one again."""
    return len(found) < _MOST and any(one.name.endswith(f"-{item.name}") for one in found.values())


_INTRODUCED = frozenset({"the", "for", "our", "", "and", ",", "call", "them", "a", ":", "need", "want", "have", "are"})


_MOST = 60
"""Names beyond which nothing is compared with everything: time must grow with length only."""


def _composed(found: dict[int, Named]) -> None:
    """`its ingest API ... host "seismo-ingest"`: two words that share one with a name in one word mean that name."""
    whole = {item.name for item in found.values() if item.last - item.first == 1 and item.status == "asserted"}
    for place, item in found.items() if len(whole) < _MOST else ():
        head, _, tail = item.name.rpartition("-")
        same = {
            name for name in whole
            if head and head in name.split("-") and name.rpartition("-")[2] not in ROLES.keys() - {tail}
        }  # fmt: skip
        if item.last - item.first == 2 and item.kind == "web" and len(same) == 1 and not item.application:
            found[place] = replace(item, name=same.pop())


def _spoken(item: Named, found: dict[int, Named]) -> bool:
    """`Can we run x on ECS? If so: image acme/x:1`: the same name, spoken of in a question."""
    there = found.get(item.first)
    return item.sure and there is not None and there.name == item.name


def _served(doc: Document, item: Named) -> bool:
    """`it serves HTTP on 8080 and an admin UI on 8081`: what one service serves is no other."""
    before = doc.words(doc.sentence(item.first).first, item.first)
    return before[:1] in (("it",), ("which",)) and before[1:2] in (("serves",), ("exposes",), ("has",), ("offers",))


_SAME = ("same", "image")
_SAYS = frozenset("runs has gets needs listens serves takes uses wants : = (".split())


def _opens(doc: Document, item: Named) -> bool:
    """`web runs 3 replicas ..., worker: 2`: a role that opens its clause, and values after it."""
    before = doc.lower(item.first - 1) if item.first > doc.sentence(item.first).first else ""
    return before in ("", ",", ";", "and", "while", "\u2014") and doc.lower(item.last) in _SAYS


def _alias(doc: Document, found: dict[int, Named], strong: set[str]) -> None:
    """`Deploy shop. web runs 3 replicas`: the one role beside the one name is the same thing."""
    weak = [item for item in found.values() if not item.sure and item.status == "asserted" and item.name not in strong]
    pictured = {item.first for item in images(doc)}
    own = [item for item in found.values() if item.name in strong and pictured & set(range(item.last, item.last + 5))]
    weak = [item for item in weak if item.kind == "web"] if own else weak
    roles = {item.name for item in weak} if any(_opens(doc, item) for item in weak) else set()
    if len(strong) == 1 and len(roles) == 1 and ROLES.get(next(iter(roles))) == "web":
        for place, item in found.items():
            if item.name in roles:
                found[place] = replace(item, name=next(iter(strong)))


def _overlaps(item: Named, found: dict[int, Named]) -> bool:
    return any(item.first < other.last and other.first < item.last for other in found.values())


def _role_first(doc: Document) -> Iterator[Named]:
    """`Deploy app hello image ...`, `service payments, image ...`: the noun before the name, without an article."""
    for index, token in enumerate(doc.tokens):
        if token.lower not in _NOUNS or not plain(doc, index + 1) or doc.lower(index + 1) in _VERB_LIKE:
            continue
        sentence = doc.sentence(index)
        before = doc.lower(index - 1) if index > sentence.first else ""
        before = "" if before in ("new", "existing") and index - 1 == sentence.first else before
        after = doc.lower(index + 2) if index + 2 < sentence.last else ""
        opened = before in VERBS or before in ("for", ",", ":", "", "of", "with")
        if not opened or doc.sentence_of[index + 1] != doc.sentence_of[index]:
            continue
        if after in _VALUES or after == "" and before in VERBS or before in VERBS and after in ("to", "on", "from"):
            yield from make(doc, doc.lower(index + 1), ROLES[token.lower], index + 1, index + 2)


def _with_values(doc: Document) -> Iterator[Named]:
    """`users (ghcr.io/a/users:2, port 8081)`, `orders on port 8000`, `billing: acme/billing:2`."""
    images_at = {item.first for item in images(doc)}
    for index in range(len(doc.tokens)):
        role = doc.lower(index) in ROLES
        if not plain(doc, index) or role and doc.lower(index + 1) != "(" or doc.lower(index) in OTHER_THINGS | _NOUNS:
            continue
        sentence = doc.sentence(index)
        before = doc.lower(index - 1) if index > sentence.first else ""
        place = index + 1
        shown = before in ("a", "an") and doc.lower(place) == "(" and place + 1 in images_at
        if before not in _LISTS and before not in VERBS and not shown:
            continue
        following = doc.lower(place)
        if following == "(":
            end = next((p for p in range(place, min(place + 14, sentence.last)) if doc.lower(p) == ")"), place)
            if set(doc.words(place, end)) & DEPENDENCIES.keys() and not images_at & set(range(place, end)):
                continue  # `the warehouse (Postgres 14, port 5432)`
            stated = any(p in images_at or doc.lower(p) == "port" for p in range(place, end))
            kind = next((ROLES[w] for w in doc.words(place, end) if ROLES.get(w) in ("worker", "job")), None)
            if role and any(p in images_at for p in range(place, end)):
                name = doc.lower(index)
                yield Named(name, ROLES[name], index, place, doc.status_of(index, place))
            elif not role and (stated or kind):
                several = len({word for word in doc.words(place, end) if word in BARE}) > 1  # `pdf-mill (API + worker)`
                same = any(doc.lower(index) in doc.lower(p) for p in range(place, end) if p in images_at)
                yield from make(doc, doc.lower(index), None if several else kind, index, place, several, explicit=same)
        elif (
            following == "on"
            and doc.lower(place + 1) == "port"
            and any(p in images_at for p in range(place + 2, min(place + 7, sentence.last)))
            or following == ":"
            and place + 1 in images_at
        ):
            yield from make(doc, doc.lower(index), None, index, place)


def _leading(doc: Document) -> Iterator[Named]:
    """`pricing, image acme/pricing:5, ...`, `for now: catalog on ECS`: a word at the start, and values after it."""
    images_at = {item.first for item in images(doc)}
    for sentence in doc.sentences:
        starts = [p + 1 for p in range(sentence.first, sentence.last - 1) if doc.lower(p) == ":"]
        for place in (sentence.first, *starts):
            if (
                not plain(doc, place)
                or doc.lower(place) in ROLES
                or doc.lower(place) in OTHER_THINGS | VERBS | _GREETINGS
            ):
                continue
            following, end = doc.lower(place + 1), min(place + 14, sentence.last)
            values = any(p in images_at or doc.lower(p) in ("image", "port") for p in range(place + 2, end))
            system = following in ("on", "onto", "to", "into") and _SYSTEMS.at(doc, place + 2) is not None
            if place + 1 < end and (following == "," and values or system and (values or place > sentence.first)):
                yield from make(doc, doc.lower(place), None, place, place + 1)


_GREETINGS = frozenset("hello hi hey dear morning thanks all everyone folks team".split())


def _subject(doc: Document) -> Iterator[Named]:
    """`the blog needs to go on Kubernetes`, `We run geocoder on bare VMs today. Put it on ECS`."""
    for index in range(1, len(doc.tokens) - 3):
        if doc.lower(index - 1) not in ("the", "our", "my", "this") or not plain(doc, index):
            continue
        end = index + 1
        if doc.lower(end) not in _MODALS or doc.lower(index) in OTHER_THINGS | frozenset(ROLES):
            continue
        while doc.lower(end + 1) in _MOVES and end < index + 7:
            end += 1
        if end > index + 2 and _SYSTEMS.at(doc, end + 1):
            yield from make(doc, doc.lower(index), None, index, index + 1)


def _defined(doc: Document) -> Iterator[Named]:
    """`Flower is our Celery dashboard. Put it on ECS`: the subject has the name, the role only says what it is."""
    for index in range(len(doc.tokens) - 3):
        sentence = doc.sentence(index)
        says = doc.words(index + 3, min(index + 9, sentence.last))
        defines = doc.lower(index + 1) == "is" and doc.lower(index + 2) in ("a", "an", "the", "our", "my")
        if index == sentence.first and defines and plain(doc, index) and set(ROLES) & set(says):
            yield from make(doc, doc.lower(index), None, index, index + 1)


_SAID_OF_ANY = BARE | ANAPHORA | frozenset("server site".split())


def _again(doc: Document, found: dict[int, Named]) -> list[Named]:
    """Names of several services where they stand again, so that what follows is theirs: `Orders must not be public`."""
    names = {item.name: item.kind for item in found.values() if item.status == "asserted" and not item.application}
    said: list[Named] = []
    for index in range(len(doc.tokens)) if len(names) > 1 else ():
        name = doc.lower(index).removesuffix("'s")
        tails = [] if len(names) > _MOST else [one for one in names if one.rpartition("-")[2] == name and "-" in one]
        if name not in names and name not in _SAID_OF_ANY and len(tails) == 1:  # `shop-transcoder ... the transcoder`
            name = tails[0] if doc.lower(index - 1) == "the" or _counted(doc, index) else name
        opens = (
            name not in (doc.lower(index), "")
            and _counted(doc, index)
            or index == doc.sentence(index).first
            or doc.lower(index - 1) in ("the", "for", "of")
        )
        if name in names and opens and doc.tokens[index].kind == "word":
            item = Named(name, None, index, index + 1, _speaks(doc, index), sure=False)
            if not _overlaps(item, found):
                said.append(item)
    return said


def _counted(doc: Document, index: int) -> bool:
    """`gateway 4 pods, writer 2 pods`: a word that opens its part of the sentence, and a number after it."""
    opens = index == doc.sentence(index).first or doc.lower(index - 1) in (",", ";", "and")
    return opens and doc.lower(index + 1 + (doc.lower(index + 1) == ":"))[:1].isdigit()


def _speaks(doc: Document, index: int) -> Status:
    """A name at the start of a sentence is the one that is spoken of, although what is said of it is `not ...`."""
    status = doc.status[index]
    return "asserted" if status == "negated" and index == doc.sentence(index).first else status


def _nouns(doc: Document, found: dict[int, Named]) -> dict[str, set[str]]:
    """Which names were introduced by a role: after `a Go API called ledger`, `the API` is ledger."""
    nouns: dict[str, set[str]] = {}
    for item in found.values():
        if item.status == "asserted" and not item.application:
            before = [doc.lower(p) for p in range(max(item.first - 3, 0), item.first)]
            for word in () if {"of", "for", "from", "to"} & set(before) else before:
                if word in ROLES and word not in ("service", "app", "application", "svc"):
                    nouns.setdefault(word, set()).add(item.name)
    return nouns


def _fallback(doc: Document, found: dict[int, Named], predicates: dict[int, Named]) -> Iterator[Named]:
    """No name is wanted in so many words: `it` is the one spoken of; or the only image has a name."""
    spoken = {item.name for item in found.values() if item.status in ("past", "uncertain")}
    first = min((item.first for item in found.values()), default=0)
    meant = any(
        doc.lower(p) in _IT and doc.status[p] in ("asserted", "uncertain") and doc.status[p] != "negated"
        for p in range(first + 1, len(doc.tokens))
    )
    if len(spoken) == 1 and meant:
        for item in found.values():
            if item.name in spoken and item.status in ("past", "uncertain"):
                yield replace(item, status="asserted", sure=False)
        return
    for index, token in enumerate(doc.tokens):
        sentence = doc.sentence(index)
        here = doc.words(sentence.first, sentence.last)
        pronoun = doc.lower(index - 1) in ("it's", "its") or doc.words(index - 2, index) == ("it", "is")
        if token.lower not in ("called", "named") or not pronoun or OTHER_THINGS & set(here):
            continue
        if plain(doc, index + 1) and doc.status[index + 1] == "asserted":
            yield from make(doc, doc.lower(index + 1), None, index + 1, index + 2, explicit=True)
            return
    if any(item.status not in ("asserted", "past") and not declared(doc, item) for item in found.values()):
        return  # a name is spoken of, and nobody knows how: ask
    given = {str(item.value): item for item in images(doc) if item.status == "asserted"}
    if len(given) > 1:
        yield from _several(doc, given)
        return
    if len(given) == 1:
        ((value, image),) = given.items()
        name = image_name(value)
        if NAME.match(name):
            kinds = {item.kind for item in predicates.values() if item.status == "asserted" and item.kind}
            yield Named(name, kinds.pop() if len(kinds) == 1 else None, image.first, image.last, "asserted", sure=False)
        return
    yield from predicates.values()


def _several(doc: Document, given: dict[str, Mention]) -> Iterator[Named]:
    """`parser, ranker and indexer ... images acme/parser:1, ...`: names that stand in the text and in an image."""
    names = {image_name(value): item for value, item in given.items()}
    words = {token.lower: index for index, token in enumerate(doc.tokens)}
    apart = len(names) == len(given) and all("/" in value for value in given)
    if apart and all(name in words and doc.status[words[name]] == "asserted" for name in names):
        for name, item in names.items():
            yield from make(doc, name, ROLES.get(name), words[name], words[name] + 1)
            yield Named(name, None, item.first, item.last, "asserted", sure=False)
    elif apart and not words.keys() & names.keys() and len({value.rpartition("/")[0] for value in given}) == 1:
        # `acme/geo-api:1 and acme/geo-worker:1`: one owner's
        for name, item in names.items():
            yield from make(doc, name, ROLES.get(name.rpartition("-")[2]), item.first, item.last)
