"""HUG-A: what a language model wrote must not destroy, widen, run or hide anything. Only a waiver gets past these."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_network

import yaml

from hug_agents.amendment import blocks_of, written
from hug_agents.bundle import Artifact
from hug_agents.validate.hcl import Attribute, Block
from hug_agents.validate.located import Malformed, documents
from hug_agents.validate.policy.facts import Facts
from hug_agents.validate.policy.rule import Hit, Rule
from hug_agents.validate.policy.written_kubernetes import added_capabilities, open_policies

SOURCE = "What a language model wrote opens, widens, runs, hides and destroys nothing."

_EXPOSES = re.compile(
    r"(?i)\b(publicly_accessible|map_public_ip_on_launch|associate_public_ip_address|assign_public_ip)\s*=\s*(?!false\b)\S"
    r"|\b(block_public_acls|block_public_policy|ignore_public_acls|restrict_public_buckets)\s*=\s*(?!true\b)\S"
    r"|\bpublic-read(-write)?\b|\bauthenticated-read\b|\binternet-facing\b|\binternal\s*=\s*(?!true\b)\S"
    r"|\bauthorization_type\s*=\s*(?!\"AWS_IAM\")\S|\bendpoint_public_access\s*=\s*(?!false\b)\S"
    r"|^\s*(-\s*)?type:\s*[\"']?(LoadBalancer|NodePort)\b|\bexternalIPs:|\bhostPort[\"']?\s*:"
    r"|^\s*(-\s*)?kind:\s*[\"']?(Ingress|Gateway|HTTPRoute|TCPRoute|TLSRoute|GRPCRoute|IngressRoute)\b"
)
_PUBLIC_UNLESS_SAID = frozenset({"aws_lb", "aws_alb", "aws_elb"})
"""Without `internal = true`."""
_PUBLIC = re.compile(
    r"aws_(eip(_association)?|internet_gateway|cloudfront_distribution|apigatewayv2_api|api_gateway_rest_api|lambda_function_url"
    r"|globalaccelerator_accelerator|transfer_server|apprunner_service|ec2_client_vpn_endpoint)"
)
_EVERYWHERE = re.compile(r"(?<![\d.])0\.0\.0\.0(?![\d.])|/0[\"']")
_CIDR = re.compile(r"(?<![\w.:])([0-9a-fA-F:.]{2,39}/\d{1,3})(?![\w/])")
_WIDE = re.compile(
    r"\b(AdministratorAccess|PowerUserAccess|IAMFullAccess|\w+FullAccess|cluster-admin)\b|\b[Nn]ot_?([Aa]ction|[Pp]rincipal|[Rr]esource)s?\b"
    r"|\biam:(PassRole|Create\w+|Put\w+|Attach\w+|Update\w+)|\bsts:AssumeRole\b"
    r"|\barn:aws[a-z-]*:(iam|sts)::\d{12}:"
    r"|^\s*(permissions:\s*[\"']?write-all|[a-z-]+:\s*[\"']?write\b)"
)
_STAR = re.compile(
    r"""["'](?:[A-Za-z0-9:-]*:)?[*?]+["']|["'][a-z0-9*?-]+:[A-Za-z]*[*?][A-Za-z*?]*["']|["']arn:[^"'\s]*:[*?]+[:/"']"""
)
_IDENTITIES = re.compile(
    r"(?i)\b(aws_iam_(user|access_key|group)\w*|aws_organizations_\w+|aws_ram_\w+|aws_vpc_peering_\w+|aws_ssoadmin_\w+)\b"
    r"|[\"']\d{12}[\"']|^\s*(-\s*)?kind:\s*[\"']?(ClusterRole|ClusterRoleBinding|RoleBinding)\b"
)
_PRIVILEGED = re.compile(
    r"(?i)\bprivileged[\"']?\s*[:=]\s*(?!false\b)\S|\ballowPrivilegeEscalation[\"']?\s*:\s*(?!false\b)\S"
    r"|\b(hostNetwork|hostPID|hostIPC)[\"']?\s*:\s*(?!false\b)\S|\bhostPath[\"']?\s*:|\brunAsUser[\"']?\s*:\s*0\b"
    r"|\brunAsNonRoot[\"']?\s*:\s*(?!true\b)\S|\breadOnlyRootFilesystem[\"']?\s*:\s*(?!true\b)\S"
    r"|\b(hostProcess|shareProcessNamespace)[\"']?\s*:\s*(?!false\b)\S|:\s*[\"']?(Unconfined|Unmasked)\b"
    r"|/var/run/docker\.sock|\bself-hosted\b"
)
_RUNS = re.compile(
    r"(?i)\b(local-exec|remote-exec|user_data(_base64)?\s*=)|\b(curl|wget)\b[^\n]*\|\s*(sudo\s+)?(ba|z|da)?sh\b"
    r"|\b(ba|z|da)?sh\b[^\n]*<\(\s*(curl|wget)|\b(ba|z|da)?sh\s+-c\s+[\"']?\$\((curl|wget)"
    r"|\bpull_request_target\b|\bworkflow_run\b|\beval\s|\bbase64\s+(-d|--decode)|deploy/deploy\.sh|\b(terraform|tofu)\s[^\n]*\b(apply|destroy)\b"
    r"|\bkubectl\s[^\n]*\b(apply|create|delete|exec|patch|replace|scale)\b|\bhelm\s+(upgrade|install|uninstall|rollback)\b"
    r"|^\s*(-\s*)?kind:\s*[\"']?((Mutating|Validating)WebhookConfiguration|APIService)\b|\bid-token\b|\bconfigure-aws-credentials\b"
)
_SECRETS = re.compile(
    r"\bsecrets\b(?!manager)\s*[.\[)]|\bsecrets:\s*inherit\b|\bvault_generic_secret\b|^\s*(-\s*)?kind:\s*[\"']?Secret\b"
)
_HIDES_CHECKS = re.compile(
    r"(?i)(tfsec|trivy|checkov|kics|tflint|zizmor|shellcheck|hadolint|actionlint|semgrep|nosec|noqa|gitleaks)[-:\s]*"
    r"(ignore|skip|disable|allow)|\bcontinue-on-error:\s*(?!false\b)\S|\|\|\s*(true|:)(\s|$)|\bset\s+\+e\b|--no-verify\b"
    r"|\bskip_(credentials_validation|requesting_account_id)\b"
)
_DESTROYS = re.compile(
    r"(?i)\bforce_destroy\s*=\s*(?!false\b)\S|\bskip_final_snapshot\s*=\s*(?!false\b)\S"
    r"|\b(deletion_protection|deletion_protection_enabled|prevent_destroy|enable_deletion_protection)\s*=\s*(?!true\b)\S"
    r"|\bdelete_automated_backups\s*=\s*(?!false\b)\S|\b(backup_retention_period|recovery_window_in_days)\s*=\s*0\b|\bignore_changes\b|\breplace_triggered_by\b"
    r"|\b(rm\s+-rf|DROP\s+(TABLE|DATABASE)|--force\b|--delete\b)"
    r"|\$patch:\s*[\"']?delete\b|\b(replicas|maxReplicas)[\"']?\s*:\s*0\b|\bpaused[\"']?\s*:\s*(?!false\b)\S"
)
_EXPIRES = re.compile(r"\b(expiration|noncurrent_version_expiration)\s*\{|\bmessage_retention_seconds\b")
_NOT_ALLOWED = {
    "provisioner": "runs programs", "connection": "connects to a machine", "provider": "changes whom Terraform talks to",
    "terraform": "changes how Terraform runs", "moved": "moves state", "removed": "takes a resource out of the state",
    "import": "takes a foreign resource into the state", "check": "calls out while it plans", "ephemeral": "reads secrets",
    "action": "runs programs",
}  # fmt: skip
_READS_AWAY = re.compile(
    r"external|http|local_\w+|null_\w+|archive_file|terraform_remote_state|aws_secretsmanager_(secret_version|random_password)\w*|aws_ssm_parameter\w*"
    r"|aws_kms_secrets|aws_lambda_invocation|aws_iam_access_key\w*|template_\w+"
)
_FUNCTIONS = frozenset(
    """
    jsonencode merge concat toset tolist tomap tostring tonumber tobool length keys values flatten distinct compact lookup
    try can coalesce one contains max min cidrsubnet sort setunion element slice zipmap range
    """.split()
)
_NONE = re.compile(r"(?:toset\()?(?:\{\}|\[\])\)?")
_CALL = re.compile(r"(?<![\w.])([a-z_][a-z0-9_:]*)\s*\(")
_ESCAPE = re.compile(r"[$%]\{\s*\"|\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2})")
_ONE_A_BUCKET = tuple(
    f"aws_s3_bucket_{name}"
    for name in ("lifecycle_configuration", "policy", "versioning", "server_side_encryption_configuration",
                 "public_access_block", "ownership_controls", "acl", "cors_configuration", "notification", "logging")
)  # fmt: skip


def _lines(facts: Facts) -> Iterator[tuple[Artifact, int, str]]:
    """Every line that a model wrote; of YAML also how it reads when it is written plainly, where that is another line."""
    for item in facts.bundle:
        spans = written(item)
        if not spans:
            continue
        rows = item.content.splitlines()
        for span in spans:
            yield from ((item, number, rows[number - 1]) for number in span if number <= len(rows))
        if len(spans) == 1 and spans[0].start == 1 and item.path.endswith((".yml", ".yaml")):
            known = {_plain(row) for row in rows}
            yield from ((item, 1, row) for row in _rewritten(item.content) if _plain(row) not in known)


def _rewritten(text: str) -> Iterator[str]:
    try:
        for document in documents(text):
            yield from yaml.safe_dump(document.data, width=10_000, sort_keys=False).splitlines()
    except (Malformed, yaml.YAMLError, RecursionError):
        return  # another gate says so


def _plain(row: str) -> str:
    return re.sub(r"\s", "", row.strip().removeprefix("- "))


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[Facts], Iterator[Hit]]:
    def check(facts: Facts) -> Iterator[Hit]:
        for item, number, row in _lines(facts):
            if found := pattern.search(row):
                yield Hit(f"{what}: {found.group().strip()[:80]}", item.path, number)

    return check


def _blocks(facts: Facts) -> Iterator[tuple[str, Block]]:
    """The blocks of Terraform that begin on a line that a model wrote."""
    for path, root in facts.terraform.items():
        spans = written(facts.bundle[path])
        for block in root.walk() if spans else ():
            if block.type and any(block.line in span for span in spans):
                yield path, block


def _own_lines(facts: Facts, path: str) -> frozenset[int]:
    return frozenset(number for span in written(facts.bundle[path]) for number in span)


def _rendered_blocks(facts: Facts) -> Iterator[tuple[str, Block]]:
    """The blocks of Terraform that were rendered, in files that a model wrote in."""
    for path, root in facts.terraform.items():
        own = _own_lines(facts, path)
        yield from ((path, block) for block in root.walk() if own and block.type and block.line not in own)


def _attributes(facts: Facts) -> Iterator[tuple[str, Attribute]]:
    for path, root in facts.terraform.items():
        spans = written(facts.bundle[path])
        for block in root.walk() if spans else ():
            for value in block.attributes.values():
                if any(value.line in span for span in spans):
                    yield path, value


def exposes(facts: Facts) -> Iterator[Hit]:
    """What opens something to everybody."""
    yield from _matching(_EXPOSES, "this is open to the public")(facts)
    yield from _matching(_EVERYWHERE, "this is open to the public")(facts)
    for item, number, row in _lines(facts):
        for found in () if _EVERYWHERE.search(row) else _CIDR.findall(row):
            try:
                network = ip_network(found, strict=False)
            except ValueError:
                continue
            if network.prefixlen < (8 if network.version == 4 else 32):
                yield Hit(f"this is open to the public: {found}", item.path, number)
    for path, block in _blocks(facts):
        kind = block.labels[0] if block.type == "resource" and block.labels else ""
        if kind in _PUBLIC_UNLESS_SAID and block.text("internal") != "true" or _PUBLIC.fullmatch(kind):
            yield Hit(f"this is open to the public: {kind}", path, block.line)
    yield from open_policies(facts)


def widens(facts: Facts) -> Iterator[Hit]:
    """What gives more rights than a named action on a named thing, and what makes identities."""
    yield from _matching(_WIDE, "this gives wide permissions")(facts)
    yield from _matching(_STAR, "this gives permissions without limit")(facts)
    yield from _matching(_IDENTITIES, "this makes identities or grants across accounts")(facts)


def privileged(facts: Facts) -> Iterator[Hit]:
    """What gives a container, or a job, rights over the machine that it runs on."""
    yield from _matching(_PRIVILEGED, "this has rights over its host")(facts)
    yield from added_capabilities(facts)


def runs(facts: Facts) -> Iterator[Hit]:
    """What runs programs where it is planned or built, deploys past the executor, or reads from elsewhere."""
    yield from _matching(_RUNS, "this runs or deploys something past the checkpoints")(facts)
    yield from _matching(_SECRETS, "this reads secrets")(facts)
    for path, block in _blocks(facts):
        name = " ".join((block.type, *block.labels))[:80]
        if block.type in _NOT_ALLOWED:
            yield Hit(f"`{name}` {_NOT_ALLOWED[block.type]}", path, block.line)
        if block.type in ("data", "resource") and block.labels and _READS_AWAY.fullmatch(block.labels[0]):
            yield Hit(f"`{name}` reads or runs something outside the bundle", path, block.line)


def hides(facts: Facts) -> Iterator[Hit]:
    """What switches checks off, and what computes the words that are checked."""
    yield from _matching(_HIDES_CHECKS, "this switches a check off")(facts)
    yield from _matching(_ESCAPE, "this writes out in pieces or by numbers what could stand there")(facts)
    for path, value in _attributes(facts):
        for name in _CALL.findall(_code(value.text)):
            if name not in _FUNCTIONS and name not in ("for", "if", "in"):
                yield Hit(f"the function {name[:40]} hides what is written", path, value.line)


def _code(text: str) -> str:
    """An expression without what stands between quotes, but with what is interpolated there."""
    kept = re.sub(r"\$\$\{|%%\{", "", text)
    inner = " ".join(re.findall(r"[$%]\{([^{}]*)\}", kept))
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', kept) + " " + inner


def destroys(facts: Facts) -> Iterator[Hit]:
    """What deletes, or lets something be deleted; data that expires is told and does not fail."""
    yield from _matching(_DESTROYS, "this destroys, or lets something be destroyed")(facts)
    for item, number, row in _lines(facts):
        if _EXPIRES.search(row):
            yield Hit("data is deleted when its time is over", item.path, number, severity="warning")
    for path, block in _rendered_blocks(facts):
        for name in ("count", "for_each"):
            if name in block.attributes and block.attributes[name].line in _own_lines(facts, path):
                what = " ".join((block.type, *block.labels))[:80]
                yield Hit(f"`{name}` decides whether the rendered `{what}` is there", path, block.attributes[name].line)


def fights(facts: Facts) -> Iterator[Hit]:
    """A second configuration of a bucket that has one: AWS keeps the last that was written."""
    spans = {path: written(facts.bundle[path]) for path in facts.terraform}
    rendered = {
        block.labels[0]
        for path, block in facts.resources(*_ONE_A_BUCKET)
        if not any(block.line in span for span in spans[path])
    }
    own = {
        ".".join(block.labels)
        for path, block in facts.resources("aws_s3_bucket")
        if any(block.line in span for span in spans[path])
    }
    for path, block in facts.resources(*_ONE_A_BUCKET):
        mine = any(block.line in span for span in spans[path])
        to_own = any(block.text("bucket").startswith(f"{name}.") for name in own)
        if mine and block.labels[0] in rendered and not to_own:
            yield Hit(f"a bucket has one {block.labels[0]}, and the bundle declares it already", path, block.line)


def idle(facts: Facts) -> Iterator[Hit]:
    """A file of its own that holds nothing, or that nothing applies: every other gate is content with it."""
    for item in facts.bundle:
        if not item.author or blocks_of(item.content):
            continue
        if item.path.endswith(".tf"):
            if item.path in facts.terraform and not facts.terraform[item.path].blocks:
                yield Hit("this declares nothing", item.path, 1)
            for path, block in _blocks(facts):
                if path == item.path and (
                    block.text("count") == "0" or _NONE.fullmatch(re.sub(r"\s", "", block.text("for_each")))
                ):
                    yield Hit("this makes nothing: none of it is there", path, block.line)
        elif item.path.endswith((".yml", ".yaml")):
            try:
                found = [document.data for document in documents(item.content)]
            except Malformed:
                continue  # another gate says so
            if not found or not all(isinstance(data, dict) and data for data in found):
                yield Hit("this is text, and configures nothing", item.path, 1)
            elif item.path.startswith("kubernetes/") and not _applied(facts, item.path):
                yield Hit("nothing applies this file: no kustomization beside it names it", item.path, 1)


def _applied(facts: Facts, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    beside = f"{folder}/kustomization.yaml"
    try:
        found = documents(facts.bundle[beside].content) if beside in facts.bundle else ()
    except Malformed:
        return True  # another gate says so
    return any(name in (document.data.get("resources") or ()) for document in found if isinstance(document.data, dict))


RULES = (
    Rule(
        "HUG-A1", "Nothing is opened to the public", SOURCE,
        "A model may not decide who can reach a system.",
        "keep it inside the network of the environment, or decline the requirement", exposes,
    ),
    Rule(
        "HUG-A2", "Permissions name their action and their thing", SOURCE,
        "A model may not decide who may do what.",
        "name the actions and the resources one by one, or decline the requirement", widens,
    ),
    Rule(
        "HUG-A3", "No container has rights over its host", SOURCE,
        "A privileged container is the machine that it runs on.",
        "leave it out, or decline the requirement", privileged,
    ),
    Rule(
        "HUG-A4", "Nothing runs past the checkpoints", SOURCE,
        "What runs while it is planned or built was approved by nobody, and deploys only go through the executor.",
        "declare resources of the locked providers only; a pipeline of an amendment checks, and deploys nothing", runs,
    ),
    Rule(
        "HUG-A5", "No check is switched off or hidden from", SOURCE,
        "What cannot be read cannot be judged.",
        "write values out, and mend what a check finds", hides,
    ),
    Rule(
        "HUG-A6", "Nothing is destroyed", SOURCE,
        "A model may not decide what is deleted.",
        "leave protection, backups and state as they are", destroys,
    ),
    Rule(
        "HUG-A7", "One configuration a bucket", SOURCE,
        "Two would overwrite each other at every apply, and no plan shows it.",
        "add to the rendered one by a block behind one of its lines", fights,
    ),
    Rule(
        "HUG-A8", "What is written takes part", SOURCE,
        "A file that configures nothing meets no requirement, and passes every check.",
        "write configuration, and name a Kubernetes file in the kustomization beside it; or decline the requirement", idle,
    ),
)  # fmt: skip
