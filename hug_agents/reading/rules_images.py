"""Container images, repositories and registries: references copied literally."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.reading.document import Document, Mention
from hug_agents.reading.naming_words import NOT_NAMES, ROLES, VERBS
from hug_agents.reading.rules_services import plain
from hug_agents.reading.vocabulary import DEPENDENCIES
from hug_agents.spec import IMAGE

_CUES = frozenset("image images tag container docker pull run runs deploy digest from pushed using uses use".split())
_BASE = frozenset("base from-image".split())
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,38}/[A-Za-z0-9_.-]{1,99}\Z")
_HOSTED = re.compile(
    r"https?://(?:www\.)?(?:github|gitlab)\.com/([A-Za-z0-9_.-]+/[A-Za-z0-9_-][A-Za-z0-9_.-]*?)(?:\.git)?/?\Z"
)
_REGISTRY = re.compile(
    r"(?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d{1,5})?(?:/[a-z0-9._/-]+)?\Z|[a-z0-9.-]+:\d{1,5}(?:/[a-z0-9._/-]+)?\Z"
)


def images(doc: Document) -> Iterator[Mention]:
    """Image references with a tag, a digest or a registry, or after the word `image`."""
    for index, token in enumerate(doc.tokens):
        if token.kind != "word":
            continue
        text = doc.text[token.start : token.end]
        match = IMAGE.match(text)
        if not match or text[:1] == ".":
            continue
        near = doc.words(max(index - 5, doc.sentence(index).first), index)
        tag, digest, name = match["tag"], match["digest"], match["name"]
        said = bool({"image", "images", "img"} & set(near[-4:]))
        if any(word in _BASE for word in near[-3:]) or "registry" in near[-3:] and not tag:
            continue
        sure = bool(digest) or "/" in name and bool(tag) or said and (bool(tag) or "/" in name)
        sure = sure or bool(tag) and _of_a_service(doc, index, name)
        if not sure or tag and tag.isdigit() and 4 <= len(tag) <= 5 and "/" not in name and not said:
            continue
        since = next(
            (
                p
                for p in range(index - 1, max(index - 5, doc.sentence(index).first) - 1, -1)
                if doc.lower(p) in ("image", "images", "img")
            ),
            index,
        )
        yield doc.mention("service.image", text, index, index + 1, since=since)


def image_name(reference: str) -> str:
    """The last part of an image's path, as a name; empty if it is none."""
    match = IMAGE.match(reference)
    return match["name"].rpartition("/")[2].lower().replace("_", "-").replace(".", "-") if match else ""


def _of_a_service(doc: Document, index: int, name: str) -> bool:
    """`web (port 3000, nginx:1.27)`: in the brackets of a word, and no backing service."""
    sentence = doc.sentence(index)
    place = index - 1
    while place > sentence.first and doc.lower(place) not in ("(", ")") and index - place < 12:
        place -= 1
    before = place - 1 - (doc.lower(place - 1) in ("`", '"', "'"))
    return (
        doc.lower(place) == "("
        and before >= sentence.first
        and doc.tokens[before].kind == "word"
        and doc.lower(index - 1) in ("(", ",", "from", "runs", "running")
        and doc.lower(index + 1) in (",", ")")
        and name not in DEPENDENCIES
        and not name.startswith("localhost")
    )


def repositories(doc: Document) -> Iterator[Mention]:
    """`github.com/acme/shop`, `the repo acme/shop`, `branch main`."""
    for index, token in enumerate(doc.tokens):
        text = doc.text[token.start : token.end]
        near = doc.words(max(index - 4, doc.sentence(index).first), index)
        if token.kind == "url" and (hosted := _HOSTED.match(text)):
            yield doc.mention("repository", hosted.group(1), index, index + 1)
        elif token.kind == "word" and text.lower().startswith("github.com/") and _REPOSITORY.match(text[11:]):
            yield doc.mention("repository", text[11:], index, index + 1)
        elif (
            token.kind == "word"
            and _REPOSITORY.match(text)
            and (
                any(word in _CODE for word in near)
                or "branch" in doc.words(max(index - 6, doc.sentence(index).first), index)
                and doc.lower(index - 1) in ("of", "in")
            )
            and not {"folder", "directory"} & set(near[-2:])
        ):
            yield doc.mention("repository", text, index, index + 1)
        elif token.lower == "branch":
            yield from _branch(doc, index)


_CODE = frozenset("repo repository monorepo github gitlab code source sources codebase git".split())
_QUOTES = frozenset("` \" ' *".split())


def _branch(doc: Document, index: int) -> Iterator[Mention]:
    named = index + 2 if doc.lower(index + 1) in ("is", ":", "=", "called", "named") else index + 1
    sure = named == index + 2 and (
        doc.lower(index - 1) in ("default", "release", "main") or doc.lower(index + 1) != "is"
    )
    if doc.lower(named) in _QUOTES:  # `the branch "trunk"`
        named, sure = named + 1, sure or doc.lower(named) == doc.lower(named + 2)
    for place in (index - 1, named):
        word = doc.lower(place)
        if (
            sure
            and place == named
            and place < len(doc.tokens)
            and doc.tokens[place].kind == "word"
            or word in ("main", "master", "trunk", "develop")
            and doc.sentence_of[place] == doc.sentence_of[index]
        ):
            yield doc.mention(
                "default_branch", word, place, place + 1, since=min(place, index), until=max(place, index) + 1
            )
            return


_RELEASE = re.compile(r"v?(\d{1,6}(?:\.\d{1,6}){0,2})\Z")


def versions(doc: Document) -> Iterator[Mention]:
    """`release surveys 1.8.0`, `deploy chat v2`: the version of what is deployed."""
    for index in range(2, len(doc.tokens)):
        match = _RELEASE.match(doc.lower(index))
        if not match or not (doc.lower(index)[0] == "v" or "." in doc.lower(index)):
            continue
        name, verb = doc.lower(index - 1), doc.lower(index - 2)
        if verb in ("the", "our", "my", "out", "of"):
            verb = doc.lower(index - 3)
        if verb in VERBS and plain(doc, index - 1) and name not in NOT_NAMES and name not in ROLES:
            yield doc.mention("version", match.group(1), index, index + 1, since=index - 1)


def labelled_versions(doc: Document) -> Iterator[Mention]:
    """`version 3.2.1 of search-api`: of what is deployed, by its name with a hyphen; `version 16 of Postgres` is none."""
    for index in range(1, len(doc.tokens) - 2):
        match = _RELEASE.match(doc.lower(index))
        named = doc.lower(index + 1) == "of" and "-" in doc.lower(index + 2) and plain(doc, index + 2)
        subject = index - 3 if doc.lower(index - 2) in (",", "(") else index - 2
        opens = subject >= 0 and subject == doc.sentence(index).first and plain(doc, subject)
        named = (
            named or opens and doc.lower(subject) not in NOT_NAMES | ROLES.keys()
        )  # `shop, version 2.3.0, goes to ...`
        if match and doc.lower(index - 1) in ("version", "release") and named and "." in doc.lower(index):
            yield doc.mention("version", match.group(1), index, index + 1, since=index - 1)


def stated_versions(doc: Document) -> Iterator[Mention]:
    """`Version of the application: 0.9.0`, `app version = 2.1.0`, `the release to deploy is v4.2`."""
    for index in range(2, len(doc.tokens)):
        match = _RELEASE.match(doc.lower(index))
        place = index - 1
        if not match or doc.lower(place) not in (":", "=", "is", "|") or "." not in doc.lower(index):
            continue
        before = doc.words(max(doc.sentence(index).first, place - 6), place)
        if (
            before[-3:] in _OF_THE_WHOLE
            or before[-4:-2] == ("version", "of")
            and before[-1] in _WHOLE
            or before[-2:] in _ITS_VERSION
        ):
            yield doc.mention("version", match.group(1), index, index + 1, since=place - 2)


_WHOLE = frozenset("application app service release software product".split())
_OF_THE_WHOLE = frozenset((("release", "to", "deploy"), ("version", "to", "deploy"), ("version", "to", "release")))
_ITS_VERSION = frozenset(
    (word, "version") for word in ("application", "app", "service", "release", "software", "product")
)


def registries(doc: Document) -> Iterator[Mention]:
    """`push to registry.local:5000`, `our registry is harbor.acme.com/team`, `ghcr.io`."""
    said_so = False
    for index, token in enumerate(doc.tokens):
        if token.kind != "word":
            continue
        near = doc.words(max(index - 5, doc.sentence(index).first), index)
        after = doc.words(index + 1, min(index + 3, doc.sentence(index).last))
        said = any(
            word
            in (
                "registry",
                "push",
                "pushed",
                "images",
                "registries",
                "nexus",
                "artifactory",
                "harbor",
                "jfrog",
                "artifacts",
            )
            for word in near
        )
        if token.lower == "ghcr.io" or _REGISTRY.match(token.lower) and (said or after[:1] == ("registry",)):
            tagged = "/" not in token.lower and "." not in token.lower and {"image", "images"} & set(near)
            if "@" in token.lower or "image" in near[-2:] or tagged:  # `images web:3 and worker:3`
                continue
            said_so = True
            yield doc.mention("toolchain.registry_host", token.lower, index, index + 1)
    if not said_so and {"nexus", "artifactory", "jfrog"} & {token.lower for token in doc.tokens}:
        yield from _of_images(doc)


def _of_images(doc: Document) -> Iterator[Mention]:
    """`Nexus is our registry`, and an image that comes from there: its host and path, where all images agree."""
    found: dict[str, Mention] = {}
    for item in images(doc):
        host, _, path = str(item.value).partition("/")
        if item.status == "asserted" and path and any(name in host for name in ("nexus", "artifactory", "jfrog")):
            found.setdefault("/".join([host, *path.split("/")[:-1]]), item)
    if len(found) == 1:
        ((place, item),) = found.items()
        yield doc.mention("toolchain.registry_host", place, item.first, item.last)
