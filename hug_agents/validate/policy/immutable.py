"""HUG-B1: what runs is named by its content and never changes under its name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hug_agents.spec import IMAGE
from hug_agents.validate.policy.facts import Facts, folder
from hug_agents.validate.policy.rule import Hit, Rule

SOURCE = "Use immutable infrastructure patterns to simplify rollbacks."
_PLACEHOLDER = ".invalid/"
"""A host that cannot exist: the deploy script puts the digest of the built image there."""
_EXACT = re.compile(r"=?\s*\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")


def _images(facts: Facts) -> Iterator[tuple[str, str, int]]:
    """`(reference, file, line)` of every image that a file names."""
    for container in facts.containers:
        if isinstance(container.data.get("image"), str):
            yield container.data["image"], container.file, container.line("image")
    for resource, described in facts.task_containers():
        found = described.get("Image")
        for item in found.choices() if found else ():
            if item.text:  # a parameter is filled by the deploy script, which takes digests only
                yield item.text, resource.file, item.line
    for path, instructions in facts.dockerfiles.items():
        stages: set[str] = set()
        for line, word, rest in instructions:
            if word == "FROM":
                words = [item for item in rest.split() if not item.startswith("--")]
                if words and words[0] != "scratch" and words[0] not in stages:
                    yield words[0], path, line
                if len(words) == 3 and words[1].upper() == "AS":
                    stages.add(words[2])
            source = re.search(r"--from=(\S+)", rest) if word == "COPY" else None
            if source is not None and source.group(1) not in stages and not source.group(1).isdigit():
                yield source.group(1), path, line


def unpinned_images(facts: Facts) -> Iterator[Hit]:
    """Images that may become others under the same name."""
    given = {service.image for service in facts.spec.services if service.image}
    if facts.spec.toolchain.runtime == "ecs":
        yield from _refused(facts)
    for reference, file, line in _images(facts):
        found = IMAGE.match(reference)
        if _PLACEHOLDER in reference or (found and found["digest"]):
            continue
        if found and found["tag"] not in (None, "latest") and reference in given:
            yield Hit(
                f"the given image {reference} has no digest: its tag can be moved", file, line, severity="warning"
            )
        else:
            yield Hit(f"the image {reference} is not pinned by a digest", file, line)


def _refused(facts: Facts) -> Iterator[Hit]:
    """Given images that the deploy script for ECS will not release: its record of a release names digests only."""
    for index, service in enumerate(facts.spec.services):
        if service.by_tag:
            yield Hit(
                f"deploy/deploy.sh releases nothing on ECS that is not named by its digest, and {service.name} is {service.image}",
                *facts.spec_place("services", index, "image"),
            )


def unpinned_actions(facts: Facts) -> Iterator[Hit]:
    """Actions by a tag or a branch."""
    seen = set()
    for pipeline in facts.pipelines:
        for job in pipeline.jobs.values():
            for step in job.steps:
                name, _, version = step.uses.partition("@")
                if not step.uses or step.uses.startswith("./"):
                    continue
                pinned = re.fullmatch(r"[0-9a-f]{40}", version) or (
                    name.startswith("docker://") and re.fullmatch(r"sha256:[0-9a-f]{64}", version)
                )
                where = (job.file, step.line)
                if not pinned and where not in seen:
                    seen.add(where)
                    yield Hit(f"{step.uses} is not pinned by a commit", *where)


def built_twice(facts: Facts) -> Iterator[Hit]:
    """Images that are built in the job that deploys, or a rollout that does not wait for the build."""
    everywhere = frozenset(item.name for item in facts.spec.environments)
    built = any(service.image is None for service in facts.spec.services)
    for pipeline in facts.pipelines:
        builders = {job.id for job in pipeline.jobs.values() if any(step.builds for step in job.steps)}
        for job in pipeline.jobs.values():
            call = job.rolls_out(everywhere)
            if call is None:
                continue
            if job.id in builders:
                step = next(item for item in job.steps if item.builds)
                yield Hit(f"the job {job.id} builds an image and rolls it out", job.file, step.run_line or step.line)
            elif built and builders and not builders & {item.id for item in pipeline.before(job)}:
                yield Hit(f"the job {job.id} rolls out without waiting for the build", job.file, job.line)


def mutable_tags(facts: Facts) -> Iterator[Hit]:
    """Registries in which a tag can be moved."""
    for path, block in facts.resources("aws_ecr_repository"):
        value = block.attributes.get("image_tag_mutability")
        if value is None or value.literal not in ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"):
            yield Hit("tags of this registry can be moved to another image", path, value.line if value else block.line)
    for resource in facts.stack_resources("AWS::ECR::Repository"):
        if resource.text("ImageTagMutability") not in ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"):
            line = resource.at("ImageTagMutability")
            yield Hit(f"tags of {resource.name} can be moved to another image", resource.file, line)


def unpinned_providers(facts: Facts) -> Iterator[Hit]:
    """Roots whose providers may be another version tomorrow."""
    for path, root in facts.terraform.items():
        if folder(path) not in facts.terraform_roots:
            continue
        for block in root.of("terraform"):
            for needed in block.of("required_providers"):
                for name, attribute in needed.attributes.items():
                    version = re.search(r'version\s*=\s*"([^"]*)"', attribute.text)
                    locked = f"{folder(path)}/.terraform.lock.hcl" in facts.bundle
                    if version is None or not (_EXACT.fullmatch(version.group(1).strip()) or locked):
                        said = f"allows {version.group(1)}" if version else "has no version"
                        yield Hit(f"the provider {name} {said} and no lock file says which", path, attribute.line)


RULES = (
    Rule(
        "HUG-B1a", "Images are named by digest", SOURCE,
        "A tag can be moved: what was tested is then not what runs, and a rollback does not bring back what ran.",
        "write the image as NAME:TAG@sha256:DIGEST; hug registry resolve NAME:TAG says which it is now", unpinned_images,
    ),
    Rule(
        "HUG-B1b", "Actions are pinned by commit", SOURCE,
        "Whoever moves the tag of an action runs their code with the pipeline's rights.",
        "write OWNER/NAME@COMMIT, 40 hexadecimal digits, with the version beside it", unpinned_actions, owner="devops",
    ),
    Rule(
        "HUG-B1c", "An image is built once", SOURCE,
        "An image that is built again for production is not the one that staging tested.",
        "build in one job, hand its digest to the jobs that deploy", built_twice, owner="devops",
    ),
    Rule(
        "HUG-B1d", "Registries refuse to move tags", SOURCE,
        "A registry with mutable tags lets a release change after it was approved.",
        'set image_tag_mutability = "IMMUTABLE", or ImageTagMutability: IMMUTABLE', mutable_tags,
    ),
    Rule(
        "HUG-B1e", "Providers are pinned", SOURCE,
        "Another version of a provider can plan other changes from the same files.",
        "give an exact version, or keep the lock file beside it", unpinned_providers,
    ),
)  # fmt: skip
