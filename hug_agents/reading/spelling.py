"""Words of our vocabulary as people mistype them: a letter doubled, dropped or swapped. Another letter is another word."""

from __future__ import annotations

from functools import cache

_LONG = (
    "replica replicas instance instances container containers production staging listens listening canary rolling memory "
    "percent minutes availability deploy deployment region cluster namespace endpoint health healthcheck latency "
    "kubernetes terraform account prometheus grafana domain schedule worker"
).split()
_SHORT = ("port", "image", "pods", "tasks")
"""Too short to lose a letter: only swapped ones are known."""


_OFTEN = {"prt": "port", "acctions": "actions", "actoins": "actions", "acct": "account", "chek": "check"}


@cache
def spelled(word: str) -> str:
    """The word that is meant; itself where it is none of ours, or may be another word."""
    if word in _OFTEN:
        return _OFTEN[word]
    if word in _LONG or word in _SHORT or not word.isalpha():
        return word
    found = {known for known in _LONG if _near(word, known)}
    found |= {known for known in _SHORT if len(word) == len(known) and _swapped(word, known)}
    return found.pop() if len(found) == 1 else word


def _near(word: str, known: str) -> bool:
    if word[0] != known[0] or len(known) < 6 or word.startswith(known) or known.startswith(word):
        return False
    if len(word) == len(known):
        return _swapped(word, known)
    short, long = sorted((word, known), key=len)
    return len(long) - len(short) == 1 and any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def _swapped(word: str, known: str) -> bool:
    """Two neighbouring letters changed places."""
    differ = [i for i, (one, other) in enumerate(zip(word, known, strict=True)) if one != other]
    return (
        len(differ) == 2
        and differ[1] == differ[0] + 1
        and (word[differ[0]], word[differ[1]]) == (known[differ[1]], known[differ[0]])
    )
