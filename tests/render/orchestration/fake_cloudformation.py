"""A stand-in for `aws` in front of a stack: it reads the rendered template itself, and works out conditions and outputs from
the parameters that deploy.sh gives. The state and a log of what was done lie in the folder $WORLD.

It refuses what CloudFormation refuses: unknown or missing parameters, values that their pattern forbids, an update that
changes nothing, a change set of a stack that has moved on, a stack that is busy.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

WORLD = Path(os.environ["WORLD"])


def say(text: str) -> None:
    with (WORLD / "log").open("a") as log:
        log.write(text + "\n")


def fail(code: str, text: str) -> None:
    sys.exit(f"An error occurred ({code}): {text}")


def has(name: str) -> str:
    return (WORLD / name).read_text() if (WORLD / name).exists() else ""


def state() -> dict[str, Any]:
    return json.loads(has("stack.json") or "{}")  # type: ignore[no-any-return]


def keep(value: dict[str, Any]) -> None:
    (WORLD / "stack.json").write_text(json.dumps(value))


def option(name: str, default: str = "") -> str:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


def create_change_set() -> None:
    import site  # left out at the start (-S): every other call is quicker without it

    site.main()
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from template_value import Made

    current, kind = state(), option("--change-set-type")
    if (kind == "UPDATE") != bool(current):
        fail("ValidationError", f"{kind} of a stack that {'is' if current else 'is not'} there")
    if current and current["status"].endswith("_IN_PROGRESS"):
        fail("ValidationError", f"the stack is {current['status']}")
    text = (WORLD / "s3" / Path(option("--template-url")).name).read_text()
    rows = json.loads(Path(option("--parameters").removeprefix("file://")).read_text())
    given = {row["ParameterKey"]: row["ParameterValue"] for row in rows}
    now = Made(text, given)
    declared = now.document["Parameters"]
    for name in given.keys() - declared.keys():
        fail("ValidationError", f"Parameters: [{name}] do not exist in the template")
    for name, item in declared.items():
        if name not in given and "Default" not in item:
            fail("ValidationError", f"Parameters: [{name}] must have values")
        value = given.get(name, str(item.get("Default", "")))
        if value not in item.get("AllowedValues", [value]) or not re.search(item.get("AllowedPattern", ""), value):
            fail("ValidationError", f"Parameter {name} failed to satisfy constraint: {value}")
    before, after = current.get("resources", {}), now.resources
    changes = [
        {
            "ResourceChange": {
                "Action": "Add" if name not in before else "Remove" if name not in after else "Modify",
                "LogicalResourceId": name,
                "ResourceType": (after.get(name) or before[name])["Type"],
                "Replacement": "True" if (after.get(name) or {}).get("Type") == "AWS::ECS::TaskDefinition" else "False",
                "Details": [{"Target": {"Name": "Properties"}}],
            }
        }
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    name = option("--change-set-name")
    (WORLD / f"set-{name}").write_text(
        json.dumps(
            {
                "Status": "CREATE_COMPLETE" if changes else "FAILED",
                "StatusReason": "" if changes else "The submitted information didn't contain changes.",
                "Changes": changes,
                "stack": {"parameters": now.parameters, "resources": after, "outputs": now.outputs()},
                "serial": current.get("serial", 0),
            }
        )
    )


def execute_change_set() -> None:
    row, current = json.loads(has(f"set-{option('--change-set-name')}")), state()
    if row["serial"] != current.get("serial", 0):
        fail("InvalidChangeSetStatus", "the change set is OBSOLETE")
    found = {**row["stack"], "serial": row["serial"] + 1}
    value = found["parameters"]
    slots = " ".join(
        f"{slot.lower()}={value[f'{slot}Weight']}{'+' if value[f'{slot}Running'] == 'true' else '-'}"
        for slot in ("Blue", "Green")
    )
    said = f"{slots} live={value['Live']} {value['ReleaseStatus']}"
    broken = has("fail-execute")
    if broken and broken in said:
        say(f"taken back: {said}")
        keep({**current, "status": "UPDATE_ROLLBACK_COMPLETE", "serial": row["serial"] + 1})
        (WORLD / "token").write_text(option("--client-request-token"))
        return
    say(f"execute {said}")
    if has("hang"):
        keep({**current, "status": "UPDATE_IN_PROGRESS"})
        return
    keep({**found, "status": "UPDATE_COMPLETE" if current else "CREATE_COMPLETE"})


def services() -> dict[str, Any]:
    rows = state()["resources"].values()
    return {
        item["Properties"]["ServiceName"]: item["Properties"] for item in rows if item["Type"] == "AWS::ECS::Service"
    }


def cloudformation(call: str) -> None:
    current = state()
    if call == "describe-stacks":
        if not current:
            fail("ValidationError", f"Stack with id {option('--stack-name')} does not exist")
        rows = [{"ParameterKey": key, "ParameterValue": value} for key, value in current["parameters"].items()]
        print(
            json.dumps(
                {"Stacks": [{"StackStatus": current["status"], "Parameters": rows, "Outputs": current["outputs"]}]}
            )
        )
    elif call == "create-change-set":
        create_change_set()
    elif call == "describe-change-set":
        print(has(f"set-{option('--change-set-name')}"))
    elif call == "delete-change-set":
        (WORLD / f"set-{option('--change-set-name')}").unlink()
    elif call == "execute-change-set":
        execute_change_set()
    elif call == "describe-stack-events":
        row = {
            "ResourceStatus": "UPDATE_FAILED",
            "LogicalResourceId": "MainService",
            "ResourceStatusReason": "circuit breaker",
        }
        print(json.dumps({"StackEvents": [{**row, "ClientRequestToken": has("token")}]}))
    elif call == "cancel-update-stack":
        say("cancel")
        keep({**current, "status": "UPDATE_ROLLBACK_COMPLETE"})
    elif call == "continue-update-rollback":
        say("continue")
        keep({**current, "status": "UPDATE_ROLLBACK_COMPLETE"})
    elif call == "set-stack-policy":
        say(f"policy {json.loads(Path(option('--stack-policy-body')[7:]).read_text())['Statement'][1]['Effect']}")
    elif call == "update-termination-protection":
        say("protected")
    elif call == "detect-stack-drift":
        print('{"StackDriftDetectionId": "d"}')
    elif call == "describe-stack-drift-detection-status":
        print(
            json.dumps(
                {"DetectionStatus": has("detection") or "DETECTION_COMPLETE", "DetectionStatusReason": "why not"}
            )
        )
    elif call == "describe-stack-resource-drifts":
        print(json.dumps({"StackResourceDrifts": json.loads(has("drifts") or "[]")}))
    else:
        sys.exit(f"unexpected: {sys.argv}")


def main() -> None:
    family, call = sys.argv[1:3]
    if family == "cloudformation":
        cloudformation(call)
    elif (family, call) == ("sts", "get-caller-identity"):
        print("123456789012")
    elif (family, call) == ("secretsmanager", "describe-secret"):
        name = option("--secret-id")
        if name in has("missing"):
            fail("ResourceNotFoundException", "can't find the specified secret.")
        print(f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf")
    elif (family, call) == ("s3", "cp"):
        (WORLD / "s3").mkdir(exist_ok=True)
        data = Path(sys.argv[-2]).read_bytes()
        assert hashlib.sha256(data).hexdigest() in sys.argv[-1]
        shutil.copyfile(sys.argv[-2], WORLD / "s3" / Path(sys.argv[-1]).name)
    elif (family, call) == ("cloudwatch", "describe-alarms"):
        names = sys.argv[sys.argv.index("--alarm-names") + 1 : sys.argv.index("--state-value")]
        defined = [item["Properties"]["AlarmName"] for item in state()["resources"].values() if "Alarm" in item["Type"]]
        assert set(names) <= set(defined), "an alarm is watched that the stack has not"
        raised = [name for name in names if name in has("alarms").split()]
        say(f"alarms {' '.join(names)}{' RAISED' if raised else ''}")
        print("\t".join(raised))
    elif (family, call) == ("ecs", "describe-services"):
        row = services()[option("--services")]
        if "runningCount" in option("--query") and "deployments" not in option("--query"):
            print(has("running") or "99")
        else:
            print(f"{'arn:td/older' if has('taken-back') else row['TaskDefinition']}\tCOMPLETED")
    elif (family, call) == ("ecs", "run-task"):
        say(f"run-task {option('--task-definition')}")
        print("arn:task/1")
    elif (family, call) == ("ecs", "describe-tasks"):
        print(f"STOPPED\t{has('exit') or '0'}")
    else:
        sys.exit(f"unexpected: {sys.argv}")


if __name__ == "__main__":
    main()
