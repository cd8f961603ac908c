"""Repositories made to do harm: each is reported as unread, in bounded time, and never as an error."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hug_agents.errors import UsageError
from hug_agents.scan import Limits, RepositoryFacts, scan

NAMES = (
    "pyproject.toml", "requirements.txt", "package.json", "go.mod", "pom.xml", "build.gradle", "build.gradle.kts",
    "Dockerfile", "compose.yaml",
    "Procfile", "main.py", "server.js", "main.go", "App.java", "uv.lock", ".nvmrc", ".python-version",
    "src/main/resources/application.yml", "src/main/resources/application.properties", "gradle/libs.versions.toml",
    ".git/config", ".git/HEAD", "gunicorn.conf.py", ".env.example", "k8s/x.yaml", "src/main.ts", "next.config.js",
)  # fmt: skip


def put(root: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def quickly(root: Path, seconds: float = 8.0, limits: Limits | None = None) -> RepositoryFacts:
    started = time.process_time()  # of this process alone: the machine may be busy with others
    facts = scan(root, limits=limits)
    assert time.process_time() - started < seconds
    return facts


def why(facts: RepositoryFacts) -> dict[str, str]:
    return {item.what: item.why for item in facts.unread}


@pytest.mark.parametrize("name", ["missing", "file"])
def test_the_root_must_be_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="not a folder"):
        scan(tmp_path / name)


def test_no_link_is_followed(tmp_path: Path) -> None:
    outside = put(
        tmp_path / "outside", **{"main.py": "import uvicorn\nuvicorn.run(1, port=6666)\n", "x": "EXPOSE 6666\n"}
    )
    root = put(tmp_path / "repo", **{"requirements.txt": "fastapi\n"})
    (root / "app").symlink_to(outside)
    (root / "main.py").symlink_to(outside / "main.py")
    (root / "Dockerfile").symlink_to(outside / "x")
    (root / ".git").symlink_to(outside)
    (root / "loop").symlink_to(root)
    facts = scan(root)
    assert "6666" not in facts.model_dump_json()
    assert why(facts)["Dockerfile"] == "a link, not followed"


def test_a_git_folder_of_links_is_not_followed(tmp_path: Path) -> None:
    put(
        tmp_path,
        secret='[remote "origin"]\n url = https://example.com/stolen/name.git\n',
        head="ref: refs/heads/stolen\n",
    )
    root = put(tmp_path / "repo", **{"main.py": "x = 1\n", ".git/description": "x"})
    (root / ".git/config").symlink_to(tmp_path / "secret")
    (root / ".git/HEAD").symlink_to(tmp_path / "head")
    assert "stolen" not in scan(root).model_dump_json()


def test_a_folder_swapped_for_a_link_while_reading_is_not_followed(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside", **{"main.py": "import uvicorn\nuvicorn.run(1, port=6666)\n"})
    root = put(tmp_path / "repo", **{"requirements.txt": "x\n", "app/main.py": "import uvicorn\n"})
    calls = 0

    def clock() -> float:
        # Time is asked for before each file is read: by then the walk has seen a plain folder.
        nonlocal calls
        calls += 1
        if calls > 3 and not (root / "app").is_symlink():
            (root / "app").rename(root / "was")
            (root / "app").symlink_to(outside)
        return 0.0

    facts = scan(root, clock=clock)
    assert (root / "app").is_symlink()
    assert "6666" not in facts.model_dump_json()
    assert "could not be read" in why(facts)["app/main.py"]


def test_pipes_and_sockets_are_passed_over(tmp_path: Path) -> None:
    root = put(tmp_path / "r", **{"main.py": "x = 1\n", "requirements.txt": "flask\n"})
    for name in ("package.json", "Dockerfile", "x.py"):
        os.mkfifo(root / name)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "s.py"))
        facts = quickly(root, 3)
    assert why(facts)["Dockerfile"] == "not a plain file"


def test_a_pipe_in_the_place_of_a_git_file_does_not_hang(tmp_path: Path) -> None:
    root = put(tmp_path, **{"main.py": "x = 1\n", ".git/x": ""})
    os.mkfifo(root / ".git/config")
    assert why(quickly(root, 3))[".git/config"] == "not a plain file"


def deep(opening: str, middle: str, closing: str, count: int = 100_000) -> str:
    return opening * count + middle + closing * count


BOMBS: dict[str, tuple[str, str]] = {
    "json deep": ("package.json", deep("[", "", "]")),
    "json objects": ("package.json", deep('{"a":', "1", "}", 50_000)),
    "json number": ("package.json", '{"version": ' + "9" * 200_000 + "}"),
    "json open": ("package.json", "[" * 300_000),
    "toml deep": ("pyproject.toml", "x = " + deep("[", "", "]")),
    "toml inline": ("pyproject.toml", "x = " + deep("{a=", "1", "}", 50_000)),
    "toml dots": ("pyproject.toml", ".".join(["a"] * 150_000) + " = 1"),
    "toml headers": ("pyproject.toml", "\n".join(f"[{'.'.join(['a'] * 60)}.b{i}]" for i in range(2_500))),
    "toml elements": ("pyproject.toml", "[project]\ndependencies = [" + '"\\u0061",' * 20_000 + "]\n" + "\n" * 150_000),
    "toml number": ("pyproject.toml", "x = " + "9" * 300_000),
    "yaml laughs": (
        "compose.yaml",
        "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
        + "services: *a39\n",
    ),
    "yaml merges": (
        "compose.yaml",
        "a0: &a0 {k: v}\n"
        + "".join(f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 60))
        + "services: *a59\n",
    ),
    "yaml itself": ("compose.yaml", "services: &s\n  a: *s\n  <<: *s\n"),
    "yaml deep": ("compose.yaml", deep("[", "", "]")),
    "yaml keys": ("compose.yaml", deep("{a: ", "1", "}", 50_000)),
    "yaml dashes": ("compose.yaml", "- " * 100_000),
    "yaml aliases in spring": (
        "src/main/resources/application.yml",
        "a0: &a0 {x: y}\n" + "".join(f"a{i}: &a{i} {{l: *a{i - 1}, r: *a{i - 1}}}\n" for i in range(1, 60)),
    ),
    "xml entities": (
        "pom.xml",
        '<!DOCTYPE l [<!ENTITY a "' + "x" * 1000 + '">]><project>' + "&a;" * 9_000 + "</project>",
    ),
    "xml deep": ("pom.xml", deep("<a>", "", "</a>", 50_000)),
    "xml attributes": ("pom.xml", "<project " + " ".join(f'a{i}="x"' for i in range(20_000)) + "/>"),
    "python brackets": ("main.py", "import os\nx = " + deep("(", "", ")")),
    "python minus": ("main.py", "import os\nx = " + "-" * 300_000 + "1"),
    "python attributes": ("main.py", "import os\nx = a" + ".a" * 150_000),
    "python sum": ("main.py", "import os\nx = 1" + " + 1" * 80_000),
    "python not": ("main.py", "import os\nx = " + "not " * 80_000 + "1"),
    "python lambda": ("main.py", "import os\nx = " + "lambda: " * 40_000 + "1"),
    "python else": ("main.py", "import os\nx = " + "1 if a else " * 30_000 + "1"),
    "python elif": ("main.py", "import os\nif a: pass\n" + "elif a: pass\n" * 25_000),
    "python indentation": ("main.py", "import os\n" + "".join(" " * i + "if a:\n" for i in range(600))),
    "python calls": ("main.py", "import os\nx = f" + "()" * 150_000),
    "python format": ("main.py", "import os\nx = " + 'f"{' * 60_000),
    "python number": ("main.py", "import os\nx = " + "9" * 300_000),
    "python powers": ("main.py", "import os\nx = 9**9**9**9**9\ny = 'a' * 10**12\n"),
    "python django circle": (
        "urls.py",
        "from django.urls import include, path\nROOT_URLCONF = 'urls'\nurlpatterns = ["
        + "path('a/', include('urls2')),\n" * 400
        + "]\n",
    ),
    "python routers": (
        "main.py",
        "from fastapi import APIRouter, FastAPI\napp = FastAPI()\n"
        + "".join(f"r{i} = APIRouter()\n" for i in range(40))
        + "".join(f"r{i}.include_router(r{i + 1}, prefix='/a')\n" * 16 for i in range(39))
        + "r39.include_router(r0)\n@r39.get('/health')\ndef h(): ...\n",
    ),
    "python constants": (
        "main.py",
        "from fastapi import FastAPI\nimport uvicorn\nA = B\nB = A\nuvicorn.run(1, port=A)\n",
    ),
    "javascript comments": ("server.js", "process.env/*" * 30_000),
    "javascript templates": ("server.js", "process.env`${" * 25_000),
    "javascript quotes": ("server.js", "process.env\n" + "\"'" * 9_000),
    "javascript slashes": ("server.js", "process.env\n" + ("(/[a" * 4_800 + "\n") * 18),
    "javascript backslashes": ("server.js", "process.env" + ("'" + "\\\\" * 9_000 + "\n") * 15),
    "javascript uses": ("server.js", "app.use('/a', b(" * 20_000),
    "javascript lists": ("server.js", "const {a = process.env.PORT\n" * 12_000),
    "javascript nest": ("src/x.ts", "import '@nestjs/common';\n" + "@Controller({path\n" * 18_000 + "@Get()\n" * 100),
    "go raw": ("main.go", "package main\nfunc main() {}\n" + "x(`" * 99_999),
    "go addresses": ("main.go", "package main\nfunc main() {\n" + "r.Run(a)\n" * 20_000 + "}"),
    "go blocks": (
        "main.go",
        "package main\nfunc main() {\n" + 'r.Route("/a", func(r x) {\n' * 12_000 + 'r.Get("/health", h)',
    ),
    "java annotations": ("src/main/java/A.java", "@RequestMapping(" * 20_000),
    "groovy quotes": ("build.gradle", "'''" + "\"\"\"'''" * 20_000),
    "docker continued": ("Dockerfile", "FROM a\nRUN " + "\\\n" * 100_000),
    "docker stages": ("Dockerfile", "".join(f"FROM s{i - 1} AS s{i}\n" for i in range(20_000))),
    "docker itself": ("Dockerfile", "FROM a AS a\nFROM a AS a\nENV A=$A\nEXPOSE $A ${A:-1}\n"),
    "docker line": ("Dockerfile", "FROM a\nEXPOSE " + "1 " * 150_000),
    "docker ports": ("Dockerfile", "FROM a\n" + "".join(f"EXPOSE {i}\n" for i in range(1, 20_000))),
    "long line": ("requirements.txt", "a" * 900_000),
    "secrets line": ("Procfile", "web: " + "password" * 90_000),
    "env lines": (".env.example", "".join(f"A{i}=1\n" for i in range(50_000))),
    "spaces": ("pyproject.toml", "\n".join("[" + " " * 490 for _ in range(700))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_little_and_raise_nothing(name: str, tmp_path: Path) -> None:
    file, content = BOMBS[name]
    root = put(
        tmp_path,
        **{"requirements.txt": "fastapi\n", "package.json": '{"dependencies": {"express": "4", "@nestjs/core": "1"}}'},
    )
    put(root, **{"go.mod": "module a\n", "pom.xml": "<project/>", file: content})
    if name == "python django circle":
        put(root, **{"urls2.py": content.replace("urls2", "urls")})
    if "spring" in name or "java" in name:
        starter = "<groupId>org.springframework.boot</groupId><artifactId>spring-boot-starter-web</artifactId>"
        put(root, **{"pom.xml": f"<project><dependencies><dependency>{starter}</dependency></dependencies></project>"})
    facts = quickly(root)
    assert len(facts.model_dump_json()) < 1_000_000


def test_a_million_files_are_bounded(tmp_path: Path) -> None:
    root = put(tmp_path, **{"requirements.txt": "flask\n", "Dockerfile": "FROM x\nEXPOSE 8000\n"})
    for index in range(1_500):
        (root / f"f{index}").touch()
    limits = Limits(folder_entries=1_000)
    facts = quickly(root, 3, limits)
    assert [fact.value for fact in facts.components[0].values("port")] == [8000]
    assert "more than 1000 entries" in why(facts)["."]
    assert facts == scan(root, limits=limits)


def test_the_count_of_entries_is_bounded_over_folders(tmp_path: Path) -> None:
    root = put(tmp_path, **{"requirements.txt": "flask\n"})
    for folder in range(30):
        (root / f"d{folder:02}").mkdir()
        for index in range(30):
            (root / f"d{folder:02}/f{index}").touch()
    facts = scan(root, limits=Limits(entries=200))
    assert why(facts)["the rest of the repository"] == "more than 200 entries"
    assert facts == scan(root, limits=Limits(entries=200))


def test_deep_folders_are_bounded(tmp_path: Path) -> None:
    at = put(tmp_path / "r", **{"requirements.txt": "flask\n"})
    for _ in range(200):
        at = at / "d"
        at.mkdir()
    facts = quickly(tmp_path / "r", 3)
    assert any("nested more than" in reason for reason in why(facts).values())


def test_time_is_bounded_by_the_given_clock(tmp_path: Path) -> None:
    root = put(tmp_path, **{f"m{index}.py": "import os\n" for index in range(50)}, **{"requirements.txt": "flask\n"})
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0
        return now

    facts = scan(root, limits=Limits(seconds=5), clock=clock)
    assert why(facts)["the rest of the repository"] == "the scan's 5 s were used up"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("package.json", b"\x7fELF\x00\x00\x01", "not text"),
        ("Dockerfile", b"\xff\xfe\x00\xd8", "not text"),
        ("main.py", b"x" * (1024 * 1024 + 1), "larger than 1048576 bytes"),
        ("main.py", b"# \n" * 200_000, "too large to parse"),
        ("main.py", b"import os\ndef broken(:\n", "not Python"),
        ("server.js", b"process.env" + b"a" * 30_000, "generated code"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    put(
        tmp_path, **{"requirements.txt": "flask\n", "package.json": '{"dependencies": {"express": "4"}}', name: content}
    )
    assert reason in why(scan(tmp_path))[name]


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-16": lambda text: text.encode("utf-16"),
    "bom": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "latin-1": lambda text: text.replace("x", "\xe9").encode("latin-1"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_other_encodings_are_read(encode: Callable[[str], bytes], tmp_path: Path) -> None:
    put(tmp_path, Dockerfile=encode("FROM x\n# x\nEXPOSE 8000\n"))
    facts = scan(tmp_path).components[0].values("port")
    assert [(fact.value, fact.line, fact.quote) for fact in facts] == [(8000, 3, "EXPOSE 8000")]


def test_the_bytes_in_all_are_bounded(tmp_path: Path) -> None:
    put(tmp_path, **{f"m{i:03}.py": "import os\n" + "#" * 9_000 for i in range(50)}, **{"requirements.txt": "flask\n"})
    facts = scan(tmp_path, limits=Limits(total_bytes=50_000))
    assert any(count.reason == "the scan's 50000 bytes were used up" and count.count > 30 for count in facts.skipped)


def test_names_that_are_no_text_are_not_repeated(tmp_path: Path) -> None:
    root = put(tmp_path, **{"requirements.txt": "flask\n"})
    for name in (b"bad\xff", b"two\nlines", b"tab\there"):
        (root / os.fsdecode(name)).mkdir()
    facts = scan(root)
    json.loads(facts.model_dump_json())
    assert sum("not printable" in item.why for item in facts.unread) == 3


def test_text_with_surrogates_and_controls_is_made_printable(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{"package.json": '{"name": "a\\ud800\\u0007b", "version": "1\\n2", "dependencies": {"express": "4"}}'},
    )
    facts = scan(tmp_path)
    assert facts.digest() == scan(tmp_path).digest()
    assert {fact.value for fact in facts.components[0].values("version")} == {"1 2"}


CREDENTIALS = [
    "postgres://admin:hunter2secret@db:5432/x", "password=hunter2secret", 'API_TOKEN: "hunter2secret"',
    "--token hunter2secret",
    "AKIAIOSFODNN7EXAMPLE", "ghp_hunter2secrethunter2secrethunter2", "sk-hunter2secrethunter2secret",
    "xoxb-1234-hunter2secret",
]  # fmt: skip


@pytest.mark.parametrize("secret", CREDENTIALS)
def test_credentials_never_leave_the_file(secret: str, tmp_path: Path) -> None:
    core = next(part for part in ("hunter2secret", "IOSFODNN7EXAMPLE", secret) if part in secret)
    files = {
        "requirements.txt": f"flask  # {secret}\n",
        "Procfile": f"web: gunicorn app:app --bind :8000 {secret}\n",
        "Dockerfile": f"FROM x\nENV DATABASE_URL={secret}\nEXPOSE 8000 # {secret}\nCMD run {secret}\n",
        "compose.yaml": f"services:\n  a:\n    build: .\n    environment:\n      - X_URL={secret}\n",
        ".env.example": f"SOMETHING={secret}\n",
        "app.py": f"import os\nfrom flask import Flask\napp = Flask('x')  # {secret}\n"
        f"os.environ.get('X', '{secret}')\n",
        "package.json": json.dumps(
            {"dependencies": {"express": "4"}, "scripts": {"start": f"node x {secret}", "test": secret}}
        ),
    }
    assert core not in scan(put(tmp_path, **files)).model_dump_json()


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda t: t.encode("utf-8", "ignore"))),
        max_size=6,
    )
)
def test_any_bytes_in_known_files_are_survived(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("any")
    facts = scan(put(root, **files))
    assert facts.digest() == scan(root).digest()


WORDS = (
    'services: a: build: . "{" "}" [ ] ( ) { } : , \n  - & * << #  EXPOSE FROM CMD ENV $PORT ${PORT:-1} '
    "app . listen get use /health process.env.PORT || 3000 ` ' \" \\ @Get( @Controller( func main package "
    "r.Route( import FastAPI() port= uvicorn.run( os.environ[ <project> </project> <dependency> = def class "
    "if False: \t [project] dependencies urlpatterns path( include("
).split(" ")
PIECES = st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.dictionaries(st.sampled_from(NAMES), PIECES, min_size=1, max_size=6))
def test_any_mixture_of_their_own_words_is_survived(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, str]
) -> None:
    root = tmp_path_factory.mktemp("any")
    assert scan(put(root, **files)).digest()
