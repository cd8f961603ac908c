"""What Grafana reads when it starts, as closed models.

Source: the readers themselves, grafana/grafana `pkg/services/provisioning/` (`datasources/types.go`, `dashboards/types.go`,
`alerting/*_types.go`), and the documentation of provisioning.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Uid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Duration = Annotated[str, StringConstraints(pattern=r"^(\d+(ms|[smhdwy]))+$")]


class Closed(BaseModel):
    """An unknown key is an error: Grafana's own reader would drop it without a word."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Datasource(Closed):
    """One entry of `datasources`."""

    name: str
    type: str
    uid: Uid
    access: Literal["proxy", "direct"] = "proxy"
    orgId: int = 1
    url: str = ""
    user: str = ""
    database: str = ""
    basicAuth: bool = False
    basicAuthUser: str = ""
    withCredentials: bool = False
    isDefault: bool = False
    version: int = 1
    editable: bool = False
    jsonData: dict[str, Any] = {}
    secureJsonData: dict[str, Annotated[str, StringConstraints(pattern=r"\$__(file|env|vault)\{")]] = Field(
        {}, description="by reference only"
    )


class Datasources(Closed):
    """`provisioning/datasources/*.yaml`."""

    apiVersion: Literal[1]
    datasources: list[Datasource]
    deleteDatasources: list[dict[str, Any]] = []
    prune: bool = False


class Provider(Closed):
    """One entry of `providers`."""

    name: str
    orgId: int = 1
    folder: str = ""
    folderUid: Uid | None = None
    type: Literal["file"]
    disableDeletion: bool = False
    allowUiUpdates: bool = False
    updateIntervalSeconds: int = 10
    options: dict[str, Any]


class Providers(Closed):
    """`provisioning/dashboards/*.yaml`."""

    apiVersion: Literal[1]
    providers: list[Provider]


class Range(Closed):
    """Seconds back from now."""

    from_: Annotated[int, Field(alias="from", ge=0)]
    to: Annotated[int, Field(ge=0)]


class AlertQuery(Closed):
    """A query or an expression of a rule."""

    refId: str
    queryType: str = ""
    relativeTimeRange: Range
    datasourceUid: str
    model: dict[str, Any]


class Rule(Closed):
    """One rule that Grafana evaluates."""

    uid: Uid
    title: Annotated[str, StringConstraints(min_length=1, max_length=190)]
    condition: str
    data: Annotated[list[AlertQuery], Field(min_length=1)]
    dashboardUid: str = ""
    panelId: int = 0
    noDataState: Literal["OK", "NoData", "Alerting", "KeepLast"]
    execErrState: Literal["OK", "Error", "Alerting", "KeepLast"]
    for_: Annotated[Duration, Field(alias="for")]
    keepFiringFor: Duration | None = None
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    isPaused: bool = False
    notification_settings: dict[str, Any] | None = None


class Group(Closed):
    """Rules that are evaluated together."""

    orgId: int = 1
    name: Annotated[str, StringConstraints(min_length=1)]
    folder: Annotated[str, StringConstraints(min_length=1)]
    interval: Duration
    rules: list[Rule]


class Groups(Closed):
    """`provisioning/alerting/*.yaml` with rules."""

    apiVersion: Literal[1]
    groups: list[Group]


class Receiver(Closed):
    """One way to tell someone."""

    uid: Uid
    type: Literal["pagerduty", "slack", "email", "webhook", "opsgenie", "teams", "oncall", "discord", "sns"]
    settings: dict[str, Any]
    disableResolveMessage: bool = False


class ContactPoint(Closed):
    """A name, and whom it tells."""

    orgId: int = 1
    name: str
    receivers: list[Receiver]


class ContactPoints(Closed):
    """`provisioning/alerting/*.yaml` with contact points."""

    apiVersion: Literal[1]
    contactPoints: list[ContactPoint]


class Route(Closed):
    """A branch of the notification policy."""

    receiver: str
    group_by: list[str] = []
    object_matchers: list[Annotated[list[str], Field(min_length=3, max_length=3)]] = Field(
        [], description="label, one of = != =~ !~, value"
    )
    continue_: Annotated[bool, Field(alias="continue")] = False
    mute_time_intervals: list[str] = []
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    routes: list[Route] = []


class Policy(Route):
    """The tree of an organisation."""

    orgId: int = 1


class Policies(Closed):
    """`provisioning/alerting/*.yaml` with the notification policy."""

    apiVersion: Literal[1]
    policies: list[Policy]


FILES: dict[str, type[Closed]] = {
    "datasources": Datasources,
    "providers": Providers,
    "groups": Groups,
    "contactPoints": ContactPoints,
    "policies": Policies,
}
"""By the key that tells what a file provisions."""
