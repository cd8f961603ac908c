"""The operations of Artifactory 7 that `apply.sh` uses, as JFrog's own clients have them, written over by hand.

JFrog publishes no description of this API in a form that a program reads. Sources (Apache-2.0):
jfrog/terraform-provider-artifactory, pkg/artifactory/resource (BaseAPIModel, LocalAPIModel, LocalDockerV2APIModel, RemoteAPIModel,
PackageCleanupPolicyAPIModel and its validators at e5ce1c22, SecurityAPIModel, TrashCanConfigAPIModel), and
jfrog/jfrog-client-go, artifactory/services (permissiontarget.go, groups.go). `allowPermDeletes` stands in neither: it is from
Artifactory's own configuration file.
"""

from __future__ import annotations

from typing import Any

from tests.described import ANYTHING, BOOLEAN, INTEGER, OBJECT, STRING, TEXT, Operation, Schema, body, many, one_of
from tests.described import judged as _judged

BASE = "/artifactory"
_SOME = {"type": "array", "items": STRING, "minItems": 1}
_POSITIVE: Schema = {"type": "integer", "minimum": 1}
_REPOSITORY: dict[str, Schema] = {
    "key": STRING,
    "projectKey": STRING,
    "environments": many(STRING),
    "packageType": one_of("docker"),
    "description": STRING,
    "notes": STRING,
    "includesPattern": STRING,
    "excludesPattern": STRING,
    "repoLayoutRef": STRING,
}
_STORED: dict[str, Schema] = {
    "blackedOut": BOOLEAN,
    "xrayIndex": BOOLEAN,
    "propertySets": many(STRING),
    "archiveBrowsingEnabled": BOOLEAN,
    "downloadRedirect": BOOLEAN,
    "priorityResolution": BOOLEAN,
    "cdnRedirect": BOOLEAN,
    "blockPushingSchema1": BOOLEAN,
}
LOCAL = body(
    "key rclass packageType",
    rclass=one_of("local"),
    maxUniqueTags=INTEGER,
    dockerApiVersion=one_of("V1", "V2"),
    dockerTagRetention=_POSITIVE,
    **_REPOSITORY,
    **_STORED,
)
REMOTE = body(
    "key rclass packageType url",
    rclass=one_of("remote"),
    url=STRING,
    username=STRING,
    password=STRING,
    proxy=STRING,
    disableProxy=BOOLEAN,
    remoteRepoLayoutRef=STRING,
    hardFail=BOOLEAN,
    offline=BOOLEAN,
    queryParams=STRING,
    storeArtifactsLocally=BOOLEAN,
    socketTimeoutMillis=INTEGER,
    localAddress=STRING,
    retrievalCachePeriodSecs=INTEGER,
    missedRetrievalCachePeriodSecs=INTEGER,
    metadataRetrievalTimeoutSecs=INTEGER,
    unusedArtifactsCleanupPeriodHours=INTEGER,
    assumedOfflinePeriodSecs=INTEGER,
    synchronizeProperties=BOOLEAN,
    blockMismatchingMimeTypes=BOOLEAN,
    allowAnyHostAuth=BOOLEAN,
    enableCookieManagement=BOOLEAN,
    bypassHeadRequests=BOOLEAN,
    clientTlsCertificate=STRING,
    contentSynchronisation=OBJECT,
    mismatchingMimeTypesOverrideList=STRING,
    listRemoteFolderItems=BOOLEAN,
    disableUrlNormalization=BOOLEAN,
    externalDependenciesEnabled=BOOLEAN,
    externalDependenciesPatterns=many(STRING),
    enableTokenAuthentication=BOOLEAN,
    dockerProjectId=STRING,
    curated=BOOLEAN,
    **_REPOSITORY,
    **_STORED,
)
VIRTUAL = body(
    "key rclass packageType",
    rclass=one_of("virtual"),
    repositories=many(STRING),
    artifactoryRequestsCanRetrieveRemoteArtifacts=BOOLEAN,
    defaultDeploymentRepo=STRING,
    resolveDockerTagsByTimestamp=BOOLEAN,
    **_REPOSITORY,
)
REPOSITORY: Schema = {"oneOf": [LOCAL, REMOTE, VIRTUAL]}
GROUP = body(
    "name",
    name=STRING,
    description=STRING,
    externalId=STRING,
    autoJoin=BOOLEAN,
    adminPrivileges=BOOLEAN,
    realm=STRING,
    realmAttributes=STRING,
    userNames=many(STRING),
    watchManager=BOOLEAN,
    policyManager=BOOLEAN,
    reportsManager=BOOLEAN,
)
_WHO: Schema = {
    "type": "object",
    "additionalProperties": many(one_of(*"read write annotate delete manage managedXrayMeta distribute".split())),
}
_SECTION = body(
    "repositories",
    **{"include-patterns": many(STRING), "exclude-patterns": many(STRING), "repositories": many(STRING)},
    actions=body(users=_WHO, groups=_WHO),
)
PERMISSION = body("name", name=STRING, repo=_SECTION, build=_SECTION, releaseBundle=_SECTION)
_TIMES = ("createdBeforeInDays", "lastDownloadedBeforeInDays")
CRITERIA: Schema = {
    **body(
        "packageTypes repos includedPackages",
        packageTypes=_SOME,
        repos=_SOME,
        excludedRepos=_SOME,
        includedPackages={**_SOME, "maxItems": 1},
        excludedPackages=_SOME,
        includeAllProjects=BOOLEAN,
        includedProjects=many(STRING),
        createdBeforeInDays=_POSITIVE,
        lastDownloadedBeforeInDays=_POSITIVE,
        keepLastNVersions=_POSITIVE,
        excludedProperties=OBJECT,
        includedProperties=OBJECT,
    ),
    # "A policy can only use one type of condition"; in months they are those of Artifactory before 7.111.2.
    "oneOf": [
        {"anyOf": [{"required": [name]} for name in _TIMES]},
        {"required": ["keepLastNVersions"]},
        {"required": ["includedProperties"]},
    ],
}
POLICY = body(
    "key cronExp durationInMinutes skipTrashcan searchCriteria",
    key={"type": "string", "pattern": "^[a-zA-Z0-9_-]{3,}$"},
    description=STRING,
    cronExp=STRING,
    durationInMinutes=INTEGER,
    enabled=BOOLEAN,
    skipTrashcan=BOOLEAN,
    projectKey=STRING,
    searchCriteria=CRITERIA,
)
CONFIGURATION = body(
    security=body(anonAccessEnabled=BOOLEAN, passwordSettings=body(encryptionPolicy=STRING)),
    trashcanConfig=body(enabled=BOOLEAN, allowPermDeletes=BOOLEAN, retentionPeriodDays=INTEGER),
)
"""Of `PATCH api/system/configuration`, which takes YAML: a part of the configuration, the rest stays."""
_POLICIES = f"{BASE}/api/cleanup/packages/policies/[^/]+"
_SAID: dict[int, Schema] = {200: ANYTHING, 201: ANYTHING}
OPERATIONS = (
    Operation("PATCH", f"{BASE}/api/system/configuration", {200: TEXT}, sent=CONFIGURATION),
    Operation("GET", f"{BASE}/api/repositories/[^/]+", {200: REPOSITORY}),
    Operation("PUT", f"{BASE}/api/repositories/[^/]+", {200: TEXT}, sent=REPOSITORY),
    Operation("POST", f"{BASE}/api/repositories/[^/]+", {200: TEXT}, sent=REPOSITORY),
    Operation("GET", f"{BASE}/api/security/groups/[^/]+", {200: GROUP}, query={"includeUsers": BOOLEAN}),
    Operation("PUT", f"{BASE}/api/security/groups/[^/]+", _SAID, sent=GROUP),
    Operation("POST", f"{BASE}/api/security/groups/[^/]+", {200: ANYTHING}, sent=GROUP),
    Operation("GET", f"{BASE}/api/v2/security/permissions/[^/]+", {200: PERMISSION}),
    Operation("POST", f"{BASE}/api/v2/security/permissions/[^/]+", _SAID, sent=PERMISSION),
    Operation("PUT", f"{BASE}/api/v2/security/permissions/[^/]+", _SAID, sent=PERMISSION),
    Operation("GET", _POLICIES, {200: POLICY}),
    Operation("POST", _POLICIES, _SAID, sent=POLICY),
    Operation("PUT", _POLICIES, _SAID, sent=POLICY),
    Operation("POST", f"{_POLICIES}/enablement", _SAID, sent=body("enabled", enabled=BOOLEAN)),
)
REFUSAL = body("errors", errors=many(body("status message", status=INTEGER, message=STRING)))


def judged(method: str, path: str, query: dict[str, str], sent: Any, status: int, said: Any) -> list[str]:
    """What JFrog's clients have against a call and its answer."""
    return _judged(OPERATIONS, REFUSAL, method, path, query, sent, status, said)
