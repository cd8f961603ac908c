"""Words around names: what a service does, what is spoken of beside it, and what is no name at all."""

from __future__ import annotations

import re

from hug_agents.reading.vocabulary import (
    AWS_PLACES,
    AWS_REGIONS,
    AZURE_REGIONS,
    CLOUDS,
    DEPENDENCIES,
    ENVIRONMENTS,
    FRAMEWORKS,
    GCP_REGIONS,
    LANGUAGES,
    STRATEGIES,
    SYSTEMS,
    UNSUPPORTED,
)

ROLES: dict[str, str | None] = {
    **dict.fromkeys("api apis backend frontend web webapp website site ui gateway server".split(), "web"),
    **dict.fromkeys("portal bff admin dashboard".split(), "web"),
    **dict.fromkeys("worker workers consumer processor daemon bot listener poller".split(), "worker"),
    **dict.fromkeys("job cronjob cron batch".split(), "job"),
    **dict.fromkeys("service app application svc microservice scheduler".split(), None),
}  # fmt: skip
BARE = frozenset(
    "api backend frontend worker ui gateway web webapp website dashboard consumer scheduler admin bff job "
    "cronjob".split()
)
ANAPHORA = frozenset("service app application svc microservice".split())
APPLICATION = frozenset("app application platform system product project stack shop".split()) - {"shop"}
VERBS = frozenset(
    "deploy put ship run launch host release move migrate bring get publish push install deploying running "
    "shipping hosting redeploy roll roll-out rollout deploys deployed migrating moving releasing put".split()
)
SKIP = frozenset("our the my a an this new up out of over brand-new existing `".split()) | {'"', "'", "*", "\u201c"}
AFTER = frozenset("on to in onto into at with using as behind from via under , ( : . ! and `".split()) | {
    "",
    '"',
    "'",
    ";",
    "\u2014",
    "-",
    "please",
    "pls",
    "across",
    "\u201d",
    "for",
    "image",
    "img",
    "port",
    "over",
    "off",
    "away",
    "too",
    "asap",
    "again",
}
RELEASE = re.compile(r"v?\d[\d.]*\Z")
NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
ADJECTIVES = frozenset(
    "new old main internal public external private python node node.js go golang java rest restful graphql grpc "
    "simple small big large stateless stateful background nightly daily weekly hourly cron batch single first "
    "second third other web http https backend frontend customer-facing containerized dockerized production "
    "staging dev legacy whole entire existing same one two three four five several both each every all any no our "
    "my your their its this that these those the a an of and or for to in on at with from by is are was be has "
    "have as only just async our little tiny current separate more another public-facing internet-facing critical "
    "backing managed cloud aws which what typescript javascript rust ruby php spring celery small full-stack "
    "monolithic called named actual new-ish serverless single-page mobile docker container health metrics load "
    "scheduled recurring periodic import sample demo simple open-source payload message queue stateless "
    "low-traffic high-traffic headless plain basic said given following above below also see ingest-only".split()
)
NOT_NAMES = (
    frozenset(
        "ours mine yours theirs "
        "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays "
        "saturdays sundays weekdays weekends "
        "move moving moved migrate migrating migrated launch launched release released switch cutover "
        "run runs put bring deploy deploying redeploy rollout sorry correction edit oops erratum amendment actually "
        "name names ci cd sre dba poc mvp yes yep yeah nope sure right okay boot runs listens needs uses serves exposes "
        "goes moves lives sits stays gets "
        "img it this that these those everything app application applications service services code project something "
        "stuff them changes version versions our new traffic software product image images container containers "
        "docker pods tasks updates update release releases us we you me in on at to and or of for with an a the "
        "production prod staging dev please only all both each first then there here one two three four five "
        "migrations migration tests test smoke health canary rolling blue monorepo repo repository infrastructure "
        "database databases db cache queue bucket cluster clusters behind way done rid back ready live away off "
        "out up over down things thing anything nothing money time place microservices monolith system platform "
        "website users user requests request half people systems latest build builds artifact artifacts binary "
        "job jobs worker workers as by from via into onto if when while so such very zero no not never always can "
        "will should must what which how".split()
    )
    | frozenset(SYSTEMS)
    | frozenset(CLOUDS)
    | frozenset(STRATEGIES)
    | frozenset(DEPENDENCIES)
    | frozenset(ENVIRONMENTS)
    | frozenset(UNSUPPORTED)
    | frozenset(FRAMEWORKS)
    | frozenset(LANGUAGES)
    | AWS_REGIONS
    | GCP_REGIONS
    | AZURE_REGIONS
    | frozenset(AWS_PLACES)
    | ADJECTIVES
)
COMMON = frozenset(
    "need help needs something somebody someone everybody question goal target context decision status "
    "title summary subject background request ticket task story scope notes reason result topic option options plan "
    "port ports image health readiness liveness metrics region account replicas instances pods strategy rollout monitoring "
    "alerting secrets logging scaling resources memory cpu owner team contact platform runtime cloud production "
    "staging nothing every also later note info update reminder regards thanks today currently previously "
    "before after traffic canary rollback deploy deployment release window schedule database storage network ingress tier "
    "dns tls domain hosting data code repo repository branch version tag build pipeline pipelines infrastructure "
    "changes smoke step steps first second third finally next then they people there everything money budget "
    "customers clients engineers developers operations security compliance management company department office "
    "artefact artefacts artifact container-image docker-image image-tag listens listener imagen abbild "
    "command commands working slack teams jira confluence github gitlab docker python java node golang".split()
)
"""Nouns of every request: names only where the text says so."""
NOUNS = COMMON | frozenset(
    "tasks users user orders traffic jobs workers requests builds changes platform website tests dashboard migrations "
    "notifications updates releases containers images".split()
)
"""Words that name something only where the text says that they do: `an app called tasks`."""
OTHER_THINGS = frozenset(
    "cluster namespace ns bucket queue repo repository branch team role policy user group database table topic "
    "stream account region host hostname domain channel secret vpc subnet registry env environment owner by "
    "environments label tag zone profile window windows time strategy target date notes status".split()
)
