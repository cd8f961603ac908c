"""The only reader of the environment. Everything has a default that needs no account and no network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """What the environment may set; each field names its variable."""

    model_config = ConfigDict(frozen=True)

    model: str = Field("offline", description="HUG_AGENTS_MODEL: the model used when none is named")
    home: Path = Field(Path(".hug"), description="HUG_AGENTS_HOME: the folder of everything that lasts")
    policy: Path | None = Field(None, description="HUG_AGENTS_POLICY: the governance policy; else ./governance.yaml")
    target: str = Field("", description="HUG_AGENTS_TARGET: what carries a release out, where none is named")
    keys: Path = Field(
        default_factory=lambda: Path.home() / ".config" / "hug-agents" / "keys",
        description="HUG_AGENTS_KEYS: the folder of signing keys; never inside the store, which others read",
    )
    passphrase: str = Field(
        "", repr=False, description="HUG_AGENTS_PASSPHRASE: of a signing key, where nobody is asked"
    )
    prometheus: str = Field(
        "", description="HUG_AGENTS_PROMETHEUS: the server that the analysis asks, http://HOST:9090"
    )
    prometheus_token: str = Field(
        "", repr=False, description="HUG_AGENTS_PROMETHEUS_TOKEN: sent to it as a bearer token"
    )
    prompts: Path | None = Field(None, description="HUG_AGENTS_PROMPTS: a folder of prompts that replaces ours")
    terraform_mirror: Path | None = Field(
        None, description="HUG_AGENTS_TERRAFORM_MIRROR: a filesystem mirror of Terraform providers"
    )
    github_token: str = Field(
        "", repr=False, description="HUG_AGENTS_GITHUB_TOKEN, else GITHUB_TOKEN: for the target github_actions"
    )
    registry_auth: Path | None = Field(
        None,
        description="HUG_AGENTS_REGISTRY_AUTH, else REGISTRY_AUTH_FILE: who signs in at registries, as docker writes it",
    )
    nomad_token: str = Field(
        "", repr=False, description="HUG_AGENTS_NOMAD_TOKEN, else NOMAD_TOKEN: for the target nomad"
    )
    gate_token: str = Field("", repr=False, description="HUG_AGENTS_GATE_TOKEN: for the target spinnaker")
    grafana_token: str = Field(
        "", repr=False, description="HUG_AGENTS_GRAFANA_TOKEN: of a service account, for the target grafana"
    )
    elastic_api_key: str = Field("", repr=False, description="HUG_AGENTS_ELASTIC_API_KEY: for the target elk")
    datadog_api_key: str = Field("", repr=False, description="HUG_AGENTS_DATADOG_API_KEY: for the target datadog")
    datadog_app_key: str = Field("", repr=False, description="HUG_AGENTS_DATADOG_APP_KEY: for the target datadog")
    kubeconfig: str = Field(
        "", description="KUBECONFIG: the clusters that the target kubernetes knows; else ~/.kube/config"
    )
    gitlab_token: str = Field(
        "", repr=False, description="HUG_AGENTS_GITLAB_TOKEN, else GITLAB_TOKEN: for the target gitlab_ci"
    )
    jenkins_user: str = Field("", description="HUG_AGENTS_JENKINS_USER: for the target jenkins")
    jenkins_token: str = Field("", repr=False, description="HUG_AGENTS_JENKINS_TOKEN: an API token of that user")
    circleci_token: str = Field(
        "", repr=False, description="HUG_AGENTS_CIRCLECI_TOKEN: a personal API token, for the target circleci"
    )
    terraform_workspace: str = Field("", description="TF_WORKSPACE: refused by the target terraform, but for `default`")
    path: str = Field("", description="PATH: where programs are looked for, after this Python's own folder")
    local_secrets: Path | None = Field(
        None, description="HUG_AGENTS_LOCAL_SECRETS: KEY=VALUE lines for the target `local`; never inside the store"
    )
    tool_environment: dict[str, str] = Field(
        default_factory=dict, description="the variables that programs are started with; secrets are left out"
    )
    provider_environment: dict[str, str] = Field(
        default_factory=dict,
        repr=False,
        description="AWS_*, GOOGLE_*, ARM_*, TF_VAR_*, TF_TOKEN_*: what Terraform signs in with and is given; secrets",
    )
    ci: bool = Field(False, description="CI: no prompts, no colour")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the environment once. Unset or empty variables keep their defaults."""
        env = os.environ if environ is None else environ
        values: dict[str, object] = {
            field: env[name]
            for field, name in (
                ("model", "HUG_AGENTS_MODEL"),
                ("home", "HUG_AGENTS_HOME"),
                ("policy", "HUG_AGENTS_POLICY"),
                ("keys", "HUG_AGENTS_KEYS"),
                ("target", "HUG_AGENTS_TARGET"),
                ("passphrase", "HUG_AGENTS_PASSPHRASE"),
                ("prometheus", "HUG_AGENTS_PROMETHEUS"),
                ("prometheus_token", "HUG_AGENTS_PROMETHEUS_TOKEN"),
                ("prompts", "HUG_AGENTS_PROMPTS"),
                ("local_secrets", "HUG_AGENTS_LOCAL_SECRETS"),
                ("grafana_token", "HUG_AGENTS_GRAFANA_TOKEN"),
                ("elastic_api_key", "HUG_AGENTS_ELASTIC_API_KEY"),
                ("datadog_api_key", "HUG_AGENTS_DATADOG_API_KEY"),
                ("datadog_app_key", "HUG_AGENTS_DATADOG_APP_KEY"),
                ("kubeconfig", "KUBECONFIG"),
                ("jenkins_user", "HUG_AGENTS_JENKINS_USER"),
                ("jenkins_token", "HUG_AGENTS_JENKINS_TOKEN"),
                ("circleci_token", "HUG_AGENTS_CIRCLECI_TOKEN"),
                ("terraform_mirror", "HUG_AGENTS_TERRAFORM_MIRROR"),
                ("terraform_workspace", "TF_WORKSPACE"),
            )
            if env.get(name)
        }
        values["github_token"] = env.get("HUG_AGENTS_GITHUB_TOKEN") or env.get("GITHUB_TOKEN") or ""
        auth = env.get("HUG_AGENTS_REGISTRY_AUTH") or env.get("REGISTRY_AUTH_FILE")
        values |= {"registry_auth": auth} if auth else {}
        values["nomad_token"] = env.get("HUG_AGENTS_NOMAD_TOKEN") or env.get("NOMAD_TOKEN") or ""
        values["gate_token"] = env.get("HUG_AGENTS_GATE_TOKEN") or ""
        values["gitlab_token"] = env.get("HUG_AGENTS_GITLAB_TOKEN") or env.get("GITLAB_TOKEN") or ""
        values["path"] = env.get("PATH", os.defpath)
        values["tool_environment"] = {key: value for key, value in env.items() if key in _PASSED_ON}
        values["provider_environment"] = {key: value for key, value in env.items() if key.startswith(_PROVIDERS)}
        values["ci"] = env.get("CI", "").lower() in ("1", "true", "yes")
        return cls.model_validate(values)


# What a validator may see of the caller's environment: enough to find itself, its caches and its certificates.
_PASSED_ON = frozenset(
    "PATH HOME LANG LC_ALL TMPDIR TZ SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE HTTP_PROXY HTTPS_PROXY NO_PROXY "
    "TF_CLI_CONFIG_FILE TF_PLUGIN_CACHE_DIR SYSTEMROOT COMSPEC PATHEXT TEMP TMP USERPROFILE "
    "CONTAINERS_CONF CONTAINERS_STORAGE_CONF XDG_RUNTIME_DIR DOCKER_HOST DOCKER_CONFIG".split()
)
_PROVIDERS = ("AWS_", "GOOGLE_", "ARM_", "TF_VAR_", "TF_TOKEN_")
