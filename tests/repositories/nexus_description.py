"""The operations of Nexus Repository 3 that `apply.sh` uses, as the vendor's own client has them, written over by hand.

Source: npm's @sonatype/nexus-repo-api-client 3.96.3 (Apache-2.0), which is generated from the Swagger description that a Nexus
serves (/service/rest/swagger.json), mended by its maintainers (update-spec.py): src/models for bodies, src/apis for paths; statuses
from spec/openapi.yaml of sonatype-nexus-community/nexus-repo-api-client. Whether 201 or 204 makes a selector or a policy, it does
not say.
"""

from __future__ import annotations

from typing import Any

from tests.described import ANYTHING, BOOLEAN, INTEGER, NOTHING, STRING, Operation, Schema, body, many, one_of
from tests.described import judged as _judged

BASE = "/service/rest/v1"
_NAMES = {"type": "array", "items": STRING, "uniqueItems": True}
_DOCKER = body(
    "forceBasicAuth v1Enabled",
    forceBasicAuth=BOOLEAN,
    httpPort=INTEGER,
    httpsPort=INTEGER,
    pathEnabled=BOOLEAN,
    subdomain=STRING,
    v1Enabled=BOOLEAN,
)
_CLEANUP = body(policyNames=_NAMES)
HOSTED = body(
    "docker name online storage",
    cleanup=_CLEANUP,
    component=body(proprietaryComponents=BOOLEAN),
    docker=_DOCKER,
    name=STRING,
    online=BOOLEAN,
    storage=body(
        "blobStoreName strictContentTypeValidation writePolicy",
        blobStoreName=STRING,
        latestPolicy=BOOLEAN,
        strictContentTypeValidation=BOOLEAN,
        # The description says only that it is a text; WritePolicy of sonatype/nexus-public has these, in either case.
        writePolicy=one_of("ALLOW", "ALLOW_ONCE", "DENY"),
    ),
)
PROXY = body(
    "docker dockerProxy httpClient name negativeCache online proxy storage",
    cleanup=_CLEANUP,
    docker=_DOCKER,
    dockerProxy=body(
        "indexType",
        cacheForeignLayers=BOOLEAN,
        ecrAuth=ANYTHING,
        foreignLayerUrlWhitelist=many(STRING),
        indexType=one_of("HUB", "REGISTRY", "CUSTOM"),
        indexUrl=STRING,
    ),
    firewall=ANYTHING,
    httpClient=body(authentication=ANYTHING, autoBlock=BOOLEAN, blocked=BOOLEAN, connection=ANYTHING),
    name=STRING,
    negativeCache=body("enabled timeToLive", enabled=BOOLEAN, timeToLive=INTEGER),
    online=BOOLEAN,
    proxy=body(
        "contentMaxAge metadataMaxAge remoteUrl",
        contentMaxAge=INTEGER,
        metadataMaxAge=INTEGER,
        preserveEncodedCharacters=BOOLEAN,
        remoteUrl=STRING,
    ),
    replication=body("preemptivePullEnabled", assetPathRegex=STRING, preemptivePullEnabled=BOOLEAN),
    routingRuleName=STRING,
    storage=body(
        "blobStoreName strictContentTypeValidation",
        blobStoreName=STRING,
        strictContentTypeValidation=BOOLEAN,
        writePolicy=one_of("allow", "allow_once", "deny"),
    ),
)
CLEANUP_POLICY = body(
    "format name",
    criteriaAssetRegex=STRING,
    criteriaLastBlobUpdated=INTEGER,
    criteriaLastDownloaded=INTEGER,
    criteriaReleaseType=one_of("RELEASES", "PRERELEASES", "RELEASES_AND_PRERELEASES"),
    format=STRING,
    name=STRING,
    notes=STRING,
    repositories=many(STRING),
    retain=INTEGER,
)
_EXPRESSION: dict[str, Schema] = {"description": STRING, "expression": STRING}
SELECTOR = body("expression name", name=STRING, **_EXPRESSION)
SELECTOR_CHANGED = body("expression", **_EXPRESSION)
_WORDS = "READ BROWSE EDIT ADD DELETE RUN START STOP ASSOCIATE DISASSOCIATE ALL"
_ACTIONS = many(one_of(*_WORDS.split()))
_GRANT: dict[str, Schema] = {
    "actions": _ACTIONS,
    "description": STRING,
    "format": STRING,
    "name": STRING,
    "repository": STRING,
}
BY_SELECTOR = body("actions contentSelector format name repository", contentSelector=STRING, **_GRANT)
BY_REPOSITORY = body("actions format name repository", **_GRANT)
_ROLE: dict[str, Schema] = {
    "description": STRING,
    "id": STRING,
    "name": STRING,
    "privileges": _NAMES,
    "roles": _NAMES,
}
ROLE = body("id name", **_ROLE)
ROLE_SAID = body(readOnly=BOOLEAN, source=STRING, **_ROLE)
COLLECTIONS: dict[str, tuple[Schema, Schema, dict[int, Schema]]] = {
    "repositories/docker/hosted": (HOSTED, HOSTED, {201: NOTHING}),
    "repositories/docker/proxy": (PROXY, PROXY, {201: NOTHING}),
    "cleanup-policies": (CLEANUP_POLICY, CLEANUP_POLICY, {201: NOTHING, 204: NOTHING}),
    "security/content-selectors": (SELECTOR, SELECTOR_CHANGED, {201: NOTHING, 204: NOTHING}),
    "security/privileges/repository-content-selector": (BY_SELECTOR, BY_SELECTOR, {201: NOTHING}),
    "security/privileges/repository-view": (BY_REPOSITORY, BY_REPOSITORY, {201: NOTHING}),
    "security/roles": (ROLE, ROLE, {200: ROLE_SAID}),
}
"""By path: what creates one, what changes one, and what is answered to the first."""
OPERATIONS = tuple(
    operation
    for path, (created, changed, answers) in COLLECTIONS.items()
    for operation in (
        Operation("POST", f"{BASE}/{path}", answers, sent=created),
        Operation("PUT", f"{BASE}/{path}/[^/]+", {204: NOTHING}, sent=changed),
    )
)


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What Sonatype's description has against a call and its answer; of refusals it has the statuses alone."""
    return _judged(OPERATIONS, ANYTHING, method, path, query, sent, status, said)
