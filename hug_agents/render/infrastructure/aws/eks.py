"""The root of a Kubernetes environment on AWS: what stands beside a cluster that exists."""

from __future__ import annotations

from collections.abc import Iterable

from hug_agents.render.infrastructure.aws.dependencies import backing, connections, label
from hug_agents.render.infrastructure.aws.roots import common_variables, given, hcl_file, trusted, versions
from hug_agents.render.infrastructure.aws.trust import deploying, said
from hug_agents.render.infrastructure.aws.variables import Variable, View
from hug_agents.render.infrastructure.hcl import expression, list_of, object_of
from hug_agents.render.naming import deployers, namespace, short, stack_name
from hug_agents.render.templating import Safe, hcl
from hug_agents.spec import DeploymentSpec, Environment


class Identity(View):
    """The role of one workload."""

    module: str
    name: str
    account: str


def modules(spec: DeploymentSpec) -> Iterable[str]:
    """The shared modules that these environments call."""
    yield from ("encryption", "alerts")
    if connections(spec).statements:
        yield "workload_identity"


def files(spec: DeploymentSpec, environment: Environment) -> Iterable[tuple[str, str]]:
    """File name and text of each file of the root."""
    shared = connections(spec)
    backings = [backing(spec, environment, item) for item in spec.dependencies if item.managed]
    reached = any(item.kind in ("postgres", "mysql", "redis") for item in backings)
    found = deploying(spec)
    pipeline = found is not None
    yield "versions.tf", versions(spec, environment.name, environment)
    yield (
        "main.tf",
        hcl_file(
            "eks_main.tf.j2",
            environment=environment.name,
            stack=stack_name(spec, environment),
            cluster=_cluster(environment),
            namespace=namespace(spec, environment),
            network=reached,
            identities=_identities(spec, environment) if shared.statements else (),
            statements=expression(f"concat({', '.join(shared.statements)})"),
            pipeline=pipeline,
            deployers=deployers(spec, environment) if spec.toolchain.rollout == "argo_rollouts" else "",
            said=said(spec, environment) if pipeline else "",
            trusted=trusted(spec, environment.name),
            role=short(stack_name(spec, environment), "deploy", limit=64),
        ),
    )
    yield "variables.tf", hcl_file("variables.tf.j2", variables=tuple(_variables(spec, environment, reached)))
    if backings:
        yield (
            "dependencies.tf",
            hcl_file(
                "dependencies.tf.j2",
                dependencies=backings,
                network={"vpc": expression("local.vpc_id"), "subnets": expression("local.data_subnet_ids")},
                production=environment.role == "production",
                secret_names=[],
                has_clients=reached,
                clients=object_of({"cluster": expression(_CLUSTER_GROUP)}),
                connections=None,
            ),
        )
    yield (
        "outputs.tf",
        hcl_file(
            "eks_outputs.tf.j2",
            environment=object_of(shared.environment),
            secrets=object_of(shared.secrets),
            pipeline=pipeline,
            role_variable=found.role_variable if found else "",
        ),
    )
    yield (
        "tests/environment.tftest.hcl",
        hcl_file(
            "eks_tests.tftest.hcl.j2",
            account=environment.account or "123456789012",
            test_region=environment.region or "eu-west-1",
            zones=False,
            secrets=False,
            caches=any(item.kind == "redis" for item in backings),
            cluster=environment.cluster or "test",
            given=given(spec, environment) | ({} if environment.cluster else {"cluster_name": hcl("test")}),
            namespace=namespace(spec, environment),
            pipeline=pipeline,
            told=sorted(shared.secrets),
        ),
    )


_CLUSTER_GROUP = "data.aws_eks_cluster.this.vpc_config[0].cluster_security_group_id"


def _cluster(environment: Environment) -> Safe:
    """The cluster's name, also where its ARN was given."""
    return hcl(environment.cluster.split("/")[-1]) if environment.cluster else expression("var.cluster_name")


def _identities(spec: DeploymentSpec, environment: Environment) -> list[Identity]:
    return [
        Identity(
            module=f"identity_{label(item.name)}",
            name=short(stack_name(spec, environment), item.name, "pod", limit=64),
            account=item.name,
        )
        for item in spec.services
    ]


def _variables(spec: DeploymentSpec, environment: Environment, reached: bool) -> Iterable[Variable]:
    # Secrets of services and the state are not this root's: Kubernetes holds the ones, people apply with the other.
    skipped = ("secret_prefix", "state_bucket")
    yield from (item for item in common_variables(spec, environment) if item.name not in skipped)
    if not environment.cluster:
        yield Variable(name="cluster_name", description="The EKS cluster; it exists, with the Pod Identity agent.")
    if reached:
        yield Variable(
            name="data_subnet_ids",
            description="Private subnets of the cluster's VPC for databases and caches; empty: the cluster's own.",
            type=expression("list(string)"),
            default=list_of([]),
        )
