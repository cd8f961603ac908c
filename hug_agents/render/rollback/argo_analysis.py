"""AnalysisTemplates: what aborts a rollout while it holds, what a step must show before the next, and the smoke tests.

`NAME-watch` runs in the background: anything bad aborts, no data is not bad. `NAME-judge` ends a step: it wants enough traffic to
call the version good, and is inconclusive without, which stops the rollout and asks. `NAME-smoke` asks the new version itself.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from hug_agents.facts import image
from hug_agents.planning import plan_rollout
from hug_agents.render.naming import analysis_secret, labels
from hug_agents.render.orchestration.kubernetes_workloads import job_label, literal, metadata
from hug_agents.render.orchestration.smoke import tests
from hug_agents.render.rollback.bounds import Bound, bounds, how
from hug_agents.spec import DeploymentSpec, Service, SmokeTest

ERRORS_BORNE = 4
"""How often in a row Prometheus may fail to answer before a rollout is aborted: nobody can tell that it is good."""
SMOKE_SECONDS = 300
CURL = "curlimages/curl:8.22.0"
_CURL_USER = 100
_SCRIPT = """\
url=$1 method=$2 status=$3 seconds=$4 send=$5 contains=$6
set -- --silent --show-error --max-time "$seconds" --output /tmp/answer --write-out '%{http_code}' --request "$method"
[ "$method" != HEAD ] || set -- "$@" --head
if [ -n "$send" ]; then
  printf %s "$send" | base64 -d >/tmp/send
  set -- "$@" --header 'Content-Type: application/json' --data-binary @/tmp/send
fi
for try in 1 2 3 4 5 6; do
  got=$(curl "$@" "$url") || got=nothing
  if [ "$got" = "$status" ]; then
    [ -n "$contains" ] || exit 0
    if printf %s "$contains" | base64 -d | grep -qFf - /tmp/answer; then exit 0; fi
    got="$got without the text"
  fi
  echo "$method $url answered $got, expected $status"
  sleep 5
done
exit 1
"""
"""Texts come in base64: Argo reads two braces as an argument of its own, wherever they stand."""


def templates(spec: DeploymentSpec, service: Service) -> Iterator[dict[str, Any]]:
    """The templates of one web service, those that it has something for."""
    if found := bounds(spec, service):
        watched, judged = ([make(spec, bound) for bound in found] for make in (_watched, _judged))
        if spec.strategy.kind == "blue_green":
            # One analysis after the switch does both: it looks while the switch is held, and judges at the end.
            hold = max(step.hold_seconds for step in plan_rollout(spec.strategy).steps if step.action == "shift")
            looks = max(1, hold // how(spec).interval_seconds)
            watched = [{**item, "name": f"{item['name']}-while-held", "count": looks} for item in watched]
            yield _template(
                spec, service, "judge", [*watched, *({**item, "initialDelay": f"{hold}s"} for item in judged)]
            )
        else:
            yield _template(spec, service, "watch", watched)
            yield _template(spec, service, "judge", judged)
    if asked := smoke_tests(spec, service):
        yield _template(spec, service, "smoke", [_smoke(spec, service, test, n) for n, test in enumerate(asked, 1)])


def template_name(service: Service, what: str) -> str:
    """The AnalysisTemplate of a service."""
    return f"{service.name}-{what}"


def smoke_tests(spec: DeploymentSpec, service: Service) -> tuple[SmokeTest, ...]:
    """The smoke tests of a service."""
    return tuple(test for test in tests(spec) if test.service == service.name)


def _template(spec: DeploymentSpec, service: Service, what: str, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    name, key = analysis_secret(spec)
    arguments: list[dict[str, Any]] = [{"name": "target"}]
    if what != "smoke":
        arguments = [
            {"name": "environment"},
            {"name": "track"},
            {"name": "range", "value": "5m"},
            {"name": "version"},
            {"name": "prometheus", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}},
        ]
    text = str(metrics)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": metadata(spec, service, template_name(service, what), "setup"),
        "spec": {
            "args": [item for item in arguments if "{{args." + item["name"] + "}}" in text],
            "metrics": metrics,
        },
    }


def _watched(spec: DeploymentSpec, bound: Bound) -> dict[str, Any]:
    return {
        "name": bound.name,
        "interval": f"{how(spec).interval_seconds}s",
        "failureCondition": f"len(result) > 0 && !isNaN(result[0]) && ({bound.bad})",
        "failureLimit": 0,
        "consecutiveErrorLimit": ERRORS_BORNE,
        "provider": _prometheus(bound.query),
    }


def _judged(spec: DeploymentSpec, bound: Bound) -> dict[str, Any]:
    analysis = how(spec)
    enough = f"({bound.query}) and on () ({bound.traffic} >= {analysis.min_requests})"
    return {
        "name": bound.name,
        "interval": f"{analysis.interval_seconds}s",
        # the first good answer ends it; without an answer it is asked again, then a person is
        "count": analysis.extensions + 1,
        "consecutiveSuccessLimit": 1,
        "successCondition": f"len(result) > 0 && !isNaN(result[0]) && ({bound.good})",
        "failureCondition": f"len(result) > 0 && !isNaN(result[0]) && ({bound.bad})",
        "failureLimit": 0,
        "inconclusiveLimit": analysis.extensions,
        "consecutiveErrorLimit": ERRORS_BORNE,
        "provider": _prometheus(enough if bound.traffic else bound.query),
    }


def _prometheus(query: str) -> dict[str, Any]:
    return {"prometheus": {"address": "{{args.prometheus}}", "timeout": 20, "query": query}}


def _smoke(spec: DeploymentSpec, service: Service, test: SmokeTest, number: int) -> dict[str, Any]:
    words = (
        f"http://{{{{args.target}}}}:{service.port}{test.path}",
        test.method,
        str(test.status),
        f"{test.max_ms / 1000:g}",
        _encoded(test.send or ""),
        _encoded(test.contains or ""),
    )
    container = {
        "name": "curl",
        "image": image(CURL),
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-euc", literal(_SCRIPT), "smoke"],
        "args": [literal(word) for word in words],
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "50m", "memory": "64Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - in the pod
    }
    body = {
        "backoffLimit": 0,
        "activeDeadlineSeconds": SMOKE_SECONDS,
        "ttlSecondsAfterFinished": 86_400,
        "template": {
            "metadata": {"labels": {**labels(spec, service), "app.kubernetes.io/name": job_label(service)}},
            "spec": {
                "serviceAccountName": service.name,
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "restartPolicy": "Never",
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": _CURL_USER,
                    "runAsGroup": _CURL_USER,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [container],
                "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}}],
            },
        },
    }
    return {"name": f"smoke-{number}", "count": 1, "failureLimit": 0, "provider": {"job": {"spec": body}}}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
