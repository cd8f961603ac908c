"""Which version runs and how much traffic it has: the stack's own parameters, one step of deploy/deploy.sh at a time.

They are the record of this release and of the one before: they live where CloudFormation's lock is, and outlive the machine
that set them. Where an update is taken back, so are they.
"""

from __future__ import annotations

import json
from typing import Any

from hug_agents.render.infrastructure.cfn.programs import Program
from hug_agents.render.infrastructure.cfn.scope import SLOTS, Scope
from hug_agents.render.infrastructure.cfn.template import (
    Template,
    both,
    either,
    equals,
    holds,
    logical,
    negated,
    ref,
    resource,
    sub,
    when,
)

_PINNED = r"^$|^[A-Za-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}$"


def image_parameter(slot: str, service: str) -> str:
    """The parameter with the image of a service in a slot."""
    return f"{slot.capitalize()}Image{logical(service)}"


def _parameters(template: Template, scope: Scope) -> None:
    def choice(name: str, default: str, values: list[str], said: str) -> None:
        template.parameters[name] = {"Type": "String", "Default": default, "AllowedValues": values, "Description": said}

    template.parameters["ReleaseId"] = {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "^[A-Za-z0-9-]{0,64}$",
        "Description": "The release. This and what follows is written by deploy/deploy.sh.",
    }
    choice("ReleaseStatus", "none", ["none", "moving", "done"], "How far the release is.")
    choice("Live", "blue", list(SLOTS), "The slot that users are meant to reach.")
    choice("Next", "blue", list(SLOTS), "The slot of the coming version, else the live one.")
    choice("Previous", "", ["", *SLOTS], "The slot of the version before, which a rollback returns to.")
    for slot in SLOTS:
        template.parameters[f"{slot.capitalize()}Weight"] = {
            "Type": "Number",
            "Default": 100 if slot == "blue" else 0,
            "MinValue": 0,
            "MaxValue": 100,
            "Description": f"Percent of the traffic on {slot}; both weights sum to 100.",
        }
        choice(f"{slot.capitalize()}Running", "false", ["true", "false"], f"Whether {slot} runs.")
        for service in scope.spec.services:
            template.parameters[image_parameter(slot, service.name)] = {
                "Type": "String",
                "Default": "",
                "AllowedPattern": _PINNED,
                "ConstraintDescription": "an image named by its digest (...@sha256:...): a tag can change under a release",
                "Description": f"The image of {service.name} in {slot}; empty, none.",
            }


def image(stem: str, slot: str) -> Any:
    """The image that a program runs; `main` is the live slot's, `next` the coming one's."""
    if slot in SLOTS:
        return ref(f"{slot.capitalize()}Image{stem}")
    which = "NextIsBlue" if slot == "next" else "LiveIsBlue"
    return when(which, ref(f"BlueImage{stem}"), ref(f"GreenImage{stem}"))


def released(stem: str, slot: str) -> str:
    """The condition that there is an image."""
    return f"{slot.capitalize()}Released{stem}"


def running(stem: str, slot: str) -> str:
    """The condition that the slot runs it; `main` runs what is released."""
    return f"{slot.capitalize()}Runs{stem}" if slot in SLOTS else released(stem, slot)


def record(template: Template, scope: Scope, programs: tuple[Program, ...]) -> None:
    """Add the parameters, the conditions that follow from them, and the record that people read."""
    _parameters(template, scope)
    kinds = {item.kind for item in programs}
    if not scope.split or kinds - {"web", "migration"}:
        template.conditions["LiveIsBlue"] = equals(ref("Live"), "blue")
    if "migration" in kinds:
        template.conditions["NextIsBlue"] = equals(ref("Next"), "blue")
    if scope.split and "web" in kinds:
        for slot in SLOTS:
            template.conditions[f"{slot.capitalize()}IsRunning"] = equals(ref(f"{slot.capitalize()}Running"), "true")
    for program in programs:
        _conditions(template, scope, program)
    told = {
        "id": "${ReleaseId}", "status": "${ReleaseStatus}", "live": "${Live}", "next": "${Next}",
        "previous": "${Previous}", "blue": "${BlueWeight} ${BlueRunning}", "green": "${GreenWeight} ${GreenRunning}",
    }  # fmt: skip
    template.add(
        "What is released, for people. It also makes every step of a release a change of the stack, which CloudFormation asks\n"
        "of an update.",
        {
            "Release": resource(
                "AWS::SSM::Parameter",
                {
                    "Name": f"/{scope.spec.application}/{scope.environment.name}/release",
                    "Description": f"The release of {scope.name}: slot, weight, running",
                    "Type": "String",
                    "Value": sub(json.dumps(told)),
                },
            )
        },
    )


def _conditions(template: Template, scope: Scope, program: Program) -> None:
    plain = logical(program.service.name)
    for slot in SLOTS:
        template.conditions[released(plain, slot)] = negated(equals(ref(f"{slot.capitalize()}Image{plain}"), ""))
    if program.kind == "migration":
        template.conditions[released(program.stem, "next")] = _either_slot("NextIsBlue", plain)
    elif program.kind == "web" and scope.split:
        for slot in SLOTS:
            template.conditions[running(plain, slot)] = both(
                holds(f"{slot.capitalize()}IsRunning"), holds(released(plain, slot))
            )
    else:
        template.conditions[released(plain, "main")] = _either_slot("LiveIsBlue", plain)


def _either_slot(is_blue: str, stem: str) -> Any:
    return either(
        both(holds(is_blue), holds(released(stem, "blue"))),
        both(negated(holds(is_blue)), holds(released(stem, "green"))),
    )
