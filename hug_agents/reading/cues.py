"""Words that say that something is not wanted, was once, may come, or is said of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["asserted", "negated", "past", "hypothetical", "uncertain"]
Reach = Literal["phrase", "clause", "both", "next"]


@dataclass(frozen=True, slots=True)
class Cue:
    """Words that change the status of others. `phrase`: the noun phrase after; `clause`: to its end; `both`: all."""

    words: tuple[str, ...]
    status: Status | None
    reach: Reach = "phrase"


def _cues(status: Status | None, reach: Reach, *phrases: str) -> list[Cue]:
    return [Cue(tuple(phrase.split()), status, reach) for phrase in phrases]


_POLITE = tuple(
    f"would be {mood} if {who} {modal}"
    for mood in ("glad", "great", "happy", "nice", "good", "grateful", "lovely", "super")
    for who in ("it", "you", "we", "someone", "somebody", "this")
    for modal in ("could", "can", "would")
)
"""`we would be glad if it could run on ...` is a wish."""

WRONG = tuple(
    f"{verb} {state}"
    for verb in ("was", "is", "were", "are")
    for state in (
        "wrong",
        "incorrect",
        "outdated",
        "obsolete",
        "stale",
        "a typo",
        "a mistake",
        "no longer true",
        "void",
        "invalid",
        "superseded",
        "no longer valid",
        "not valid",
        "no longer current",
        "history",
    )
)
"""`the port I gave (8888) was wrong`: what stands before does not hold, in brackets too."""

CUES: tuple[Cue, ...] = (
    *_cues(None, "next", *_POLITE, "appreciate it if you could", "appreciate if you could"),
    # Look like cues and are none.
    *_cues(
        None, "next", "no more than", "no less than", "no fewer than", "no later than", "not more than",
        "not less than",
        "not only", "not just", "no problem", "no rush", "no idea", "no downtime", "no matter", "not sure if",
        "no doubt",
        "could we have", "can we have", "could we get", "can we get", "can i get", "could i get", "could i have",
        "can i have", "could you", "could someone", "can someone", "can somebody", "could somebody", "can anybody", "could anybody",
        "would someone", "would somebody",
        "could anyone", "would you", "can you", "would like", "'d like",
        "we'd like", "i'd like", "they'd like", "you'd like", "if so", "if yes",
        "hello colleagues", "hi colleagues", "dear colleagues", "i may ask", "if possible", "if you can",
        "if you could",
        "if need be", "without downtime", "without any downtime", "without interruption", "without an outage",
        "would be great", "would be good", "would be nice", "no single point", "was built", "was written",
        "was created",
        "not found", "why not", "was made", "not modified", "without fail", "without asking", "without human",
        "without waiting", "without manual", "without delay", "is not healthy", "not healthy", "not ready",
    ),
    *_cues(
        "negated", "phrase", "no", "without", "neither", "nor", "instead of", "rather than", "as opposed to",
        "other than",
        "except", "excluding", "anything but", "not", "away from", "off of", "out of", "drop", "skip",
        "ignore", "disregard",
        "forget", "ditch", "avoid", "disable", "sans", "free of", "no longer", "non", "left", "replace", "replaces",
        "replacing",
    ),
    *_cues(
        "negated", "clause", "get rid of", "getting rid of", "remove", "removing", "delete", "deleting", "turn off",
        "shut down", "switch off",
        "stop using", "stop deploying", "stop running", "stop building", "stop hosting", "stop shipping",
        "stop relying", "stop paying",
        "abandon", "abandoned", "decommission", "decommissioned", "tear down", "retire", "dismantle",
        "phase out", "sunset",
    ),
    *_cues(
        "negated", "clause", "don't", "do not", "dont", "does not", "doesn't", "must not", "mustn't", "should not",
        "shouldn't", "cannot", "can not", "can't", "won't", "will not", "would not", "wouldn't", "never", "isn't",
        "is not",
        "are not", "aren't", "not allowed", "did not", "didn't", "not use", "not using", "nobody", "nothing", "hate",
        "refuse",
        "haven't", "have not", "hasn't", "has not", "ain't", "dislike", "forbid", "forbidden", "prohibited", "banned",
        "needn't", "need not", "not want", "not need", "not to use", "no need for", "no need of", "no need to",
    ),
    *_cues(
        "past", "both", *WRONG, "used to", "was", "were", "wasn't", "had", "has been", "have been", "been on", "ran",
        "lived", "until now", "so far",
        "up to now", "till now", "until last", "till last", "until recently", "until yesterday", "in the past",
        "last year", "last month", "last week", "last quarter", "historically",
        "never again", "at my old", "at my last", "at our old", "my previous job", "my last job", "my old job",
        "yesterday", "last night", "this morning", "died", "crashed",
        "broke", "failed", "went down", "back then", "back in", "years ago", "months ago", "weeks ago", "once upon",
    ),
    *_cues(
        "negated", "both", "overkill", "unnecessary", "out of the question", "out of scope", "no-go", "pointless",
        "useless",
        "is switched off", "are switched off", "is turned off", "are turned off", "is shut down", "is decommissioned",
        "goes away", "has to go", "must go", "is gone", "are gone",
        "retired", "deprecated", "phased out", "was dropped", "dropped", "rejected", "goes .", "goes ,", "goes ;",
        "ruled out",
        "too complex", "too complicated", "too risky", "too expensive", "too slow", "too much", "too heavy",
        "too big",
    ),
    *_cues("past", "clause", "previously", "formerly", "originally", "before it", "earlier it", "initially"),
    *_cues(
        "past", "phrase", "old", "legacy", "former", "previous", "migrated from", "migrate from", "migrating from",
        "moved from", "move from", "moving from", "coming from", "came from", "switched from", "switching from",
        "switch from", "migration from", "moved off", "moving off", "move off", "migrated off", "migrating off",
        "migrate off", "changed from", "switched off", "ported from",
    ),
    *_cues("uncertain", "phrase", "current"),
    *_cues("uncertain", "clause", "the current", "our current", "its current"),
    *_cues(  # other languages: enough to keep a refusal from being read as a wish
        "negated", "phrase", "kein", "keine", "keinen", "nicht", "ohne", "nein", "pas", "sans", "jamais", "sin",
        "nunca",
        "nessun", "senza", "niet", "geen", "zonder",
    ),
    *_cues("uncertain", "both", "currently", "at the moment", "right now", "at present", "today", "as of now"),
    *_cues(
        "hypothetical", "both", "may", "might", "could", "maybe", "perhaps", "possibly", "later", "eventually",
        "someday",
        "one day", "in the future", "in future", "next year", "next quarter", "next month", "next week",
        "next sprint",
        "at some point", "planning", "plan to", "plans to", "thinking about", "thinking of", "considering",
        "consider",
        "considered", "evaluating", "evaluate", "evaluated", "looking at", "looking into",
        "looked at", "looked into", "thought about", "thought of", "talked about", "toyed with", "played with",
        "discussed", "debated", "weighed", "unless", "whenever", "when we",
        "once we",
        "in case", "if", "would", "toying", "debating", "discussing", "wondering", "wonder", "long term", "long-term",
        "not yet", "down the road", "down the line", "not sure", "unsure", "undecided", "whether", "don't know",
        "do not know",
        "don't mind", "do not mind", "don't care", "do not care", "potentially", "probably", "hopefully", "i guess",
        "i think",
        "sooner or later", "soon", "depending", "depends", "optionally", "tbd", "to be decided",
    ),
    *_cues(
        "uncertain", "clause", "other team's", "another team's", "other teams'", "different team's",
        "other team", "other teams", "another team", "different team", "they", "their",
        "competitor",
        "competitors", "colleague", "colleagues", "unlike", "similar to", "same as", "just like", "e.g", "eg",
        "for example",
        "for instance", "such as", "compared to", "compared with", "elsewhere", "other company", "another company",
        "sister project", "other app", "other apps", "other service", "other services", "another service",
        "somebody", "someone",
        "everyone else", "like the", "like our", "as in the", "as with", "like in", "like we", "others", "customers",
        "vendor", "vendors", "team that", "team who", "cto", "ceo", "cio", "our manager", "my manager", "intern",
        "consultant",
        "consultants", "auditor", "auditors", "sales", "marketing", "previous team", "former team",
        "team which", "people who", "people that", "office", "offices", "headquarters", "department", "boss",
        "friend", "friends",
        "article", "blog", "tutorial", "book", "client", "clients", "partner", "partners", "supplier",
        "employees", "engineers", "developers", "colleague's", "company's", "the company", "rumour", "rumor",
        "someone's", "heard",
        "read that", "says that", "suggested", "suggests", "recommended", "recommends", "proposed", "argued",
        "claims", "insists",
    ),
    *_cues("uncertain", "both", "vs", "versus", "not sure about", "not sure whether"),
    *_cues(
        "uncertain", "next", "about", "around", "roughly", "approximately", "approx", "circa", "~", "nearly", "almost",
        "some",
    ),
)  # fmt: skip
