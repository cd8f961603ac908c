"""The Argo Rollouts controller and its kubectl plugin, for the fake cluster: one move each time somebody looks.

A Rollout goes through the steps that its own manifest holds, as Argo's documentation says they are taken; which image
fails, and how, a test decides by parts of image names.
"""

from __future__ import annotations

from typing import Any

Item = dict[str, Any]
NAME = "rollouts.argoproj.io"


class FakeArgo:
    """What the controller knows beside the objects."""

    def __init__(self) -> None:
        self.installed = True
        self.bad = ""
        """Part of the name of an image whose pods never get ready."""
        self.failing = ""
        """Part of the name of an image whose analysis fails."""
        self.undecided = ""
        """Part of the name of an image whose analysis is inconclusive, until it is promoted."""
        self.switched: list[tuple[str, ...]] = []

    def applied(self, old: Item, new: Item) -> None:
        """The API server's part: a changed spec is another generation. A changed template takes back an abort."""
        if old.get("spec") != new["spec"]:
            new["metadata"]["generation"] = old.get("metadata", {}).get("generation", 0) + 1
        new.setdefault("status", {})
        if old and old["spec"]["template"] != new["spec"]["template"]:
            new["status"] = {
                **{key: new["status"][key] for key in ("stable", "stableRelease") if key in new["status"]},
                "currentStepIndex": 0,
            }

    def move(self, item: Item) -> None:
        """One reconciliation."""
        status, spec = item["status"], item["spec"]
        spec.setdefault("replicas", 1)
        template = spec["template"]
        image = template["spec"]["containers"][0]["image"]
        status["observedGeneration"] = str(item["metadata"]["generation"])
        status.setdefault("currentStepIndex", 0)
        status["readyReplicas"] = spec["replicas"]
        if status.get("stable") in (None, template) or status.pop("full", False):
            self._healthy(item)
        elif status.get("abort"):
            self._now(status, "Degraded", message=status["abort"])
        elif self.bad and self.bad in image:
            status["abort"] = "RolloutAborted: ProgressDeadlineExceeded"
            self._now(status, "Degraded", message=status["abort"])
        elif "blueGreen" in spec["strategy"]:
            self._blue_green(item, image)
        else:
            self._canary(item, image)

    def _canary(self, item: Item, image: str) -> None:
        status, steps = item["status"], item["spec"]["strategy"]["canary"]["steps"]
        index = status["currentStepIndex"]
        if index >= len(steps):
            self._healthy(item)
            return
        step = steps[index]
        if "analysis" in step and not self._analysed(status, image):
            return
        status["currentStepIndex"] = index + 1
        if "pause" in step:
            self._now(status, "Paused", "CanaryPauseStep")
        else:
            self._now(status, "Progressing", message="more replicas need to be updated")

    def _blue_green(self, item: Item, image: str) -> None:
        status = item["status"]
        runs = status.setdefault("blueGreen", {})
        if (
            "prePromotionAnalysis" in item["spec"]["strategy"]["blueGreen"]
            and "prePromotionAnalysisRunStatus" not in runs
        ):
            runs["prePromotionAnalysisRunStatus"] = {"status": "Running"}
            self._now(status, "Paused", "BlueGreenPause")  # Argo pauses while the analysis still runs
        elif status.get("promoted"):
            if self._analysed(status, image):
                self._healthy(item)
        else:
            runs["prePromotionAnalysisRunStatus"] = {"status": "Successful"}
            self._now(status, "Paused", "BlueGreenPause")

    def _analysed(self, status: Item, image: str) -> bool:
        if self.failing and self.failing in image:
            status["abort"] = 'RolloutAborted: metric "error-rate-120s" assessed Failed'
            self._now(status, "Degraded", message=status["abort"])
            return False
        if self.undecided and self.undecided in image and not status.pop("decided", False):
            self._now(status, "Paused", "InconclusiveAnalysisRun")
            return False
        return True

    def _healthy(self, item: Item) -> None:
        status = item["status"]
        status["stable"] = item["spec"]["template"]
        status["stableRelease"] = item["metadata"]["annotations"]["release"]
        for gone in ("abort", "promoted", "blueGreen"):
            status.pop(gone, None)
        self._now(status, "Healthy")

    def _now(self, status: Item, phase: str, reason: str = "", message: str = "") -> None:
        status["phase"] = phase
        status["pauseConditions"] = [{"reason": reason}] if reason else []
        status["message"] = message

    def plugin(self, words: list[str], item: Item | None) -> tuple[int, str]:
        """`kubectl argo rollouts WORDS`."""
        command = words[0]
        if command == "version":
            return (0, "kubectl-argo-rollouts: v1.8.3\n") if self.installed else (1, "unknown command\n")
        if item is None:
            return 1, "Error: rollouts.argoproj.io not found\n"
        status = item["status"]
        if command == "promote":
            if "--full" in words:
                status["full"] = True
            elif status["pauseConditions"][0]["reason"].startswith("Inconclusive"):
                status["decided"] = True
            else:
                assert status["blueGreen"]["prePromotionAnalysisRunStatus"]["status"] == "Successful", "too early"
                status["promoted"] = True
            return 0, f"rollout '{item['metadata']['name']}' promoted\n"
        if command == "abort":
            status["abort"] = "RolloutAborted: by hand"
            return 0, f"rollout '{item['metadata']['name']}' aborted\n"
        if command == "status":
            for _ in range(50):
                self.move(item)
                if status["phase"] in ("Healthy", "Degraded"):
                    break
            return (0 if status["phase"] == "Healthy" else 1), status["phase"] + "\n"
        assert command == "get", words
        return 0, f"Name: {item['metadata']['name']}\nStatus: {status['phase']}\n"
