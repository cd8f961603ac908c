"""Which names matter, and which folders and files hold something other than the application itself."""

from __future__ import annotations

MANIFESTS = (
    "pyproject.toml",
    "requirements.txt",
    "setup.py",
    "setup.cfg",
    "Pipfile",
    "manage.py",
    "package.json",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
)
"""A folder with one of these may be a component."""

KNOWN_FILES = (
    *MANIFESTS,
    ".circleci",
    ".git",
    ".github",
    ".gitlab-ci.yml",
    ".nvmrc",
    ".python-version",
    "Dockerfile",
    "Jenkinsfile",
    "Procfile",
    "app",
    "cmd",
    "compose.yaml",
    "docker-compose.yml",
    "go.sum",
    "package-lock.json",
    "pnpm-lock.yaml",
    "poetry.lock",
    "src",
    "uv.lock",
    "yarn.lock",
)

_GENERATED = frozenset(
    "node_modules bower_components jspm_packages vendor vendors third_party thirdparty venv virtualenv site-packages "
    "dist build target out obj coverage htmlcov pods __pycache__ __pypackages__ buck-out bazel-out deriveddata".split()
)
_BESIDE = frozenset(
    "test tests testing __tests__ __mocks__ mocks mock spec specs e2e integration-tests integration_tests testdata "
    "test-data test_data fixture fixtures __fixtures__ cypress playwright doc docs docs_src documentation example "
    "examples sample samples demo demos tutorial tutorials benchmark benchmarks bench notebooks storybook .storybook "
    "snippets cookbook quickstart quickstarts".split()
)
_BESIDE_CODE = frozenset("scripts script tools tool hack migrations alembic locale static".split())
_ENTERED_HIDDEN = frozenset({".github", ".circleci"})
_SOURCE_ROOTS = ("src/main/java/", "src/main/kotlin/", "src/main/resources/")


def enters(folder: str) -> str | None:
    """None if the walk goes into this folder (a relative path); else why it does not."""
    name = folder.rsplit("/", 1)[-1].lower()
    # com/example/demo is where Spring's own generator puts an application.
    if any(f"/{folder}/".find(f"/{root}") >= 0 for root in _SOURCE_ROOTS):
        return None
    if name in _GENERATED:
        return "vendored and generated folders"
    if name in _BESIDE:
        return "folders of tests, docs and examples"
    if name.startswith(".") and name not in _ENTERED_HIDDEN:
        return "hidden folders"
    return None


def is_application_code(path: str) -> bool:
    """Whether a source file is part of the application: no test, no helper script, nothing minified."""
    *folders, name = path.split("/")
    if "src/main/" not in path and any(folder.lower() in _BESIDE_CODE for folder in folders):
        return False
    stem, _, suffix = name.rpartition(".")
    if suffix == "py":
        return not (
            stem.startswith("test_")
            or stem.endswith(("_test", "_tests"))
            or stem in {"conftest", "tests", "noxfile", "setup", "fabfile", "tasks", "locustfile"}
        )
    if suffix == "go":
        return not stem.endswith("_test")
    if suffix in ("java", "kt"):
        return not stem.endswith(("Test", "Tests", "TestCase", "IT"))
    inner = stem.rpartition(".")[2].lower()
    return inner not in {"test", "spec", "min", "bundle", "d", "stories", "config", "mock", "e2e-spec"}
