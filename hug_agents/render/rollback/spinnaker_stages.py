"""Stages of a Spinnaker pipeline, as plain values. What a stage says is ours: nothing of a spec becomes an expression."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Stage = dict[str, Any]
BAKED, BUNDLE = "baked", "bundle"
"""Ids of the artifacts that a pipeline passes on: the manifests of its environment, and the repository they come from."""
JUDGMENT_HOURS = 72
STARTER_SECONDS = 1_200
ASK_SECONDS = 300


def succeeded(name: str) -> str:
    """True once the stage of that name has succeeded; a name is ours, and holds no quote."""
    return f"#stage('{name}')['status'].toString() == 'SUCCEEDED'"


def skipped(name: str) -> str:
    """True if the stage of that name was left out, since one before it was not good."""
    return f"#stage('{name}')['status'].toString() == 'SKIPPED'"


def literal(text: str) -> str:
    """Text that Spinnaker leaves as it is: `${` is put together by an expression that holds nothing but a dollar."""
    return text.replace("${", "${'$'}{")


class Flow:
    """One stage after the other. Of `guarded` ones the first that is not good makes all later ones be left out."""

    def __init__(self, account: str, namespace: str, application: str) -> None:
        self.stages: list[Stage] = []
        self.guarded: list[str] = []
        self.asks = False
        self._place: dict[str, Any] = {"account": account, "cloudProvider": "kubernetes"}
        self._namespace, self._application = namespace, application

    def add(self, name: str, type: str, *, guarded: bool = True, only: str = "", **values: Any) -> None:
        """The next stage. `only`: an expression that must be true for it to run."""
        last = [self.stages[-1]["refId"]] if self.stages else []
        condition = only or (succeeded(self.guarded[-1]) if guarded and self.guarded else "")
        self.stages.append(
            {
                "refId": str(len(self.stages) + 1),
                "requisiteStageRefIds": last,
                "type": type,
                "name": name,
                "failPipeline": not guarded,
                "continuePipeline": guarded,
                **({"stageEnabled": {"type": "expression", "expression": f"${{ {condition} }}"}} if condition else {}),
                **values,
            }
        )
        if guarded:
            self.guarded.append(name)

    def judge(self, name: str, roles: Iterable[str], question: str) -> None:
        """A person decides: who, and what is asked. Whoever starts a pipeline never answers it."""
        self.add(
            name,
            "manualJudgment",
            guarded=False,
            instructions=f"{name}, to be answered by: {' and '.join(roles)}. {question}",
            judgmentInputs=[],
            sendNotifications=True,
            notifications=[
                {
                    "type": "slack",
                    "address": f"{self._application}-releases",
                    "level": "stage",
                    "when": ["manualJudgment"],
                }
            ],
            stageTimeoutMs=JUDGMENT_HOURS * 3_600_000,
        )

    def bake(self, folder: str) -> None:
        """The manifests of an environment, from the repository at the commit that the start names."""
        self.add(
            "Bake",
            "bakeManifest",
            templateRenderer="KUSTOMIZE4",
            kustomizeFilePath=f"{folder}/kustomization.yaml",
            outputName=BAKED,
            inputArtifact={"id": BUNDLE, "account": "git"},
            evaluateOverrideExpressions=False,
            expectedArtifacts=[
                {
                    "id": BAKED,
                    "displayName": BAKED,
                    "matchArtifact": {"type": "embedded/base64", "name": BAKED},
                    "useDefaultArtifact": False,
                    "usePriorArtifact": False,
                }
            ],
        )

    def deploy(self, name: str, images: list[str], **selectors: str) -> None:
        """The baked objects with these labels. Nothing in a manifest is read as an expression."""
        self.add(
            name,
            "deployManifest",
            **self._place,
            moniker={"app": self._application},
            source="artifact",
            manifestArtifactId=BAKED,
            requiredArtifactIds=images,
            skipExpressionEvaluation=True,
            labelSelectors={
                "selectors": [
                    {"key": key.replace("_", "-"), "kind": "EQUALS", "values": [value]}
                    for key, value in selectors.items()
                ]
            },
            allowNothingSelected=True,
            stageTimeoutMs=STARTER_SECONDS * 1_000,
        )

    def clear(self, name: str, label: str, value: str) -> None:
        """Jobs of the release before, which cannot be changed: they are made anew."""
        self.add(
            name,
            "deleteManifest",
            **self._place,
            location=self._namespace,
            mode="label",
            kinds=["job"],
            labelSelectors={"selectors": [{"key": label, "kind": "EQUALS", "values": [value]}]},
            options={"cascading": True},
        )

    def scale(self, name: str, deployment: str, replicas: int, *, guarded: bool = True, only: str = "") -> None:
        """So many replicas of a Deployment."""
        self.add(
            name,
            "scaleManifest",
            guarded=guarded,
            only=only,
            **self._place,
            location=self._namespace,
            mode="static",
            manifestName=f"deployment {deployment}",
            replicas=str(replicas),
        )

    def route(self, name: str, service: str, track: str | None, *, guarded: bool = True, only: str = "") -> None:
        """All traffic of a Service to one track; None: to the ready pods of both."""
        self.add(
            name,
            "patchManifest",
            guarded=guarded,
            only=only,
            **self._place,
            location=self._namespace,
            mode="static",
            manifestName=f"service {service}",
            source="text",
            patchBody=[{"spec": {"selector": {"track": track}}}],
            options={"mergeStrategy": "merge", "record": True},
        )

    def undo(self, name: str, deployment: str, *, guarded: bool = True, only: str = "") -> None:
        """The revision of a Deployment before the one that it has."""
        self.add(
            name,
            "undoRolloutManifest",
            guarded=guarded,
            only=only,
            **self._place,
            location=self._namespace,
            mode="static",
            manifestName=f"deployment {deployment}",
            numRevisionsBack=1,
        )

    def wait(self, name: str, seconds: int) -> None:
        """Hold."""
        self.add(name, "wait", waitTime=seconds)

    def request(self, name: str, method: str, url: str, body: str | None) -> None:
        """One request that must be answered with 2xx."""
        payload: dict[str, Any] = {"payload": literal(body)} if body is not None else {}
        self.add(name, "webhook", method=method, url=url, waitForCompletion=False, **payload)

    def ask(self, name: str, url: str, *, good: str, bad: str) -> None:
        """A question to Prometheus whose one number says whether it is good. No number is not good."""
        self.asks = True
        self.add(
            name,
            "webhook",
            method="GET",
            url=url,
            waitForCompletion=True,
            statusUrlResolution="getMethod",
            statusJsonPath="$.data.result[0].value[1]",
            successStatuses=good,
            terminalStatuses=bad,
            stageTimeoutMs=ASK_SECONDS * 1_000,
        )

    def check(self, name: str, expression: str, message: str) -> None:
        """The pipeline fails here unless it is true."""
        self.add(
            name,
            "checkPreconditions",
            guarded=False,
            preconditions=[
                {
                    "type": "expression",
                    "failPipeline": True,
                    "context": {"expression": f"${{ {expression} }}", "failureMessage": message},
                }
            ],
        )
