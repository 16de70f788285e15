"""The launcher's commands: each does the steps it rests on, then hands over to the studio."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from clone_studio.errors import ModelMissing
from clone_studio.launch import browser
from clone_studio.launch.console import MEGABYTE, Console, Failure
from clone_studio.launch.environment import Environment
from clone_studio.launch.frontend import Frontend
from clone_studio.launch.options import PROJECT, Options, parse
from clone_studio.providers import local_models, model_engines
from clone_studio.providers.model_catalogue import CATALOGUE, EMBEDDING, SPEECH, Engine, LocalModel
from clone_studio.providers.model_sources import Progress, Sources

CHECKS = (
    ("ruff check", ["ruff", "check", "."]),
    ("ruff format", ["ruff", "format", "--check", "."]),
    ("mypy", ["mypy"]),
    ("import-linter", ["lint-imports"]),
)
# Tests wait for servers and processes most of their time, so that two at a time need half of it.
# A file stays together: what its tests share is then started once.
TESTS = ("pytest", "--numprocesses=2", "--dist=loadfile")
# What a person's own settings would change about a test run.
PRIVATE_SETTINGS = ("STUDIO_", "OPENAI_", "ELEVENLABS_", "PINECONE_", "REDIS_", "DATABASE_")


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; a failure is one line, never a traceback."""
    console = Console()
    try:
        options = parse(arguments)
        return Launcher(options, console).run()
    except (Failure, ModelMissing) as failure:
        sys.stderr.write(f"studio: {failure}\n")
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS}:
            raise
        sys.stderr.write(f"studio: {_storage(error)}\n")
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    return 1


class Launcher:
    """Carries out one parsed command line."""

    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._environment = Environment(PROJECT, console)

    def run(self) -> int:
        """Do what was asked; returns an exit status unless the studio takes the process over."""
        return {
            "up": self._up,
            "build": self._build,
            "link": self._link,
            "backup": lambda: self._backup("make"),
            "restore": lambda: self._backup("restore"),
            "doctor": self._doctor,
            "dev": self._dev,
            "test": self._test,
            "bench": lambda: self._tool("bench"),
            "screenshots": lambda: self._tool("bench.screenshots"),
            "models": self._models,
            "vectors": self._vectors,
        }[self._options.command]()

    def _up(self) -> int:
        require_free_port(self._options.host, self._options.port)
        self._prepare()
        flags = [] if self._options.open_browser else ["--no-browser"]
        return self._become("clone_studio.serve", *flags)

    def _build(self) -> int:
        self._prepare()
        return 0

    def _link(self) -> int:
        self._environment.install()
        return self._become("clone_studio.link")

    def _backup(self, act: str) -> int:
        self._environment.install()
        # The studio's programs run in the project folder, and paths are typed in another one.
        rest = [
            one if one.startswith("-") else str(Path(one).expanduser().absolute())
            for one in self._options.rest
        ]
        return self._become("clone_studio.backup", act, *rest)

    def _doctor(self) -> int:
        # A doctor who installs things would hide what is wrong.
        if not self._environment.is_made:
            raise Failure("The Python packages are not installed. Install them with: ./studio up")
        return self._become("clone_studio.doctor", *self._options.rest)

    def _vectors(self) -> int:
        self._environment.install()
        return self._become("clone_studio.vectors", *self._options.rest)

    def _dev(self) -> int:
        require_free_port(self._options.host, self._options.port)
        self._environment.install()
        self._fetch(EMBEDDING.name)
        self._keep_engines()
        self._console.say("  Sign in with a link from: ./studio link")
        address = ["--backend-host", self._options.host, "--backend-port", str(self._options.port)]
        return self._become("reflex", "run", "--env", "preview", *address)

    def _test(self) -> int:
        self._environment.install(for_tests=True)
        chromium = browser.install(self._environment, self._console)
        self._fetch(EMBEDDING.name)
        self._fetch_speech()
        Frontend(self._environment, self._console).build()
        variables = {
            name: value
            for name, value in self._environment.variables().items()
            if not name.startswith(PRIVATE_SETTINGS) or name == "STUDIO_BENCH_DATA"
        }
        variables["STUDIO_BROWSER"] = str(chromium)
        variables["STUDIO_MODELS_DIR"] = str(self._options.models_dir)
        failed = [name for name, command in CHECKS if not self._check(name, command, variables)]
        if failed:
            self._console.say(f"  Not clean: {', '.join(failed)}. The tests follow.")
        status = self._run([*TESTS, *self._options.rest], variables)
        return status or int(bool(failed))

    def _check(self, name: str, command: list[str], variables: dict[str, str]) -> bool:
        with self._console.step("Check", name):
            result = subprocess.run(
                [str(self._environment.folder / "bin" / command[0]), *command[1:]],
                env=variables,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        if result.returncode:
            self._console.say((result.stdout + result.stderr).rstrip())
        return result.returncode == 0

    def _tool(self, module: str) -> int:
        """Run one of the programs in `bench/` against the studio as it is built now."""
        self._environment.install(for_tests=True)
        chromium = browser.install(self._environment, self._console)
        self._fetch(EMBEDDING.name)
        self._fetch_speech()
        Frontend(self._environment, self._console).build()
        variables = {**self._variables(), "STUDIO_BROWSER": str(chromium)}
        return self._run(["python", "-m", module, *self._options.rest], variables)

    def _models(self) -> int:
        action, *names = self._options.rest or ("list",)
        folder = self._options.models_dir
        if action == "list":
            for model in CATALOGUE.values():
                size = f"{model.size / MEGABYTE:.0f} MB"
                self._console.say(
                    f"  {model.name:<28}{model.role:<11}{size:>7}  {model.licence:<12}"
                    f"{self._state_of(model)}"
                )
            return 0
        wanted = [local_models.find(name).name for name in names] or [
            model.name
            for model in CATALOGUE.values()
            if not model.is_optional or (folder / model.name).exists()
        ]
        if action == "install":
            for name in wanted:
                self._install_model(name)
            return 0
        if action == "verify":
            return max([self._verify(name) for name in wanted])
        raise Failure(f"“models {action}” is not known. Use: models list, install or verify.")

    def _state_of(self, model: LocalModel) -> str:
        if not local_models.installed(model.name, self._options.models_dir):
            return "not here"
        if model.engine and not model_engines.is_installed(model.engine, self._environment.python):
            return "without its engine"
        return "installed"

    def _install_model(self, name: str) -> None:
        """Fetch a model and what runs it."""
        engine = local_models.find(name).engine
        if engine is not None:
            self._environment.install()
            self._install_engine(engine)
        self._fetch(name)
        self._console.say(f"  {name} is in {self._options.models_dir / name}")

    def _install_engine(self, engine: Engine) -> None:
        if not model_engines.is_installed(engine, self._environment.python):
            with self._console.step("Model engine", engine.package):
                model_engines.install(engine, self._environment.python)

    def _keep_engines(self) -> None:
        """Install again what runs an installed model, should the environment have lost it."""
        for model in CATALOGUE.values():
            if model.engine is None:
                continue
            if not local_models.installed(model.name, self._options.models_dir):
                continue
            try:
                self._install_engine(model.engine)
            except ModelMissing as problem:
                # The studio is of use without it, so this is said and does not end the start.
                self._console.say(f"  {model.name} cannot be used now. {problem}")

    def _verify(self, name: str) -> int:
        wrong = local_models.verify(name, self._options.models_dir)
        if wrong:
            self._console.say(
                f"  {name}: {', '.join(wrong)} absent or with a wrong sum. "
                f"Mend it with: ./studio models install {name}"
            )
            return 1
        self._console.say(f"  {name}: every sum is right")
        return 0

    def _prepare(self) -> None:
        self._environment.install()
        self._fetch(EMBEDDING.name)
        if self._options.speaks_locally:
            self._fetch_speech()
        self._keep_engines()
        Frontend(self._environment, self._console).build()

    def _fetch_speech(self) -> None:
        """Fetch the speech model; a studio without it starts, and its answers are text."""
        try:
            self._fetch(SPEECH.name)
        except ModelMissing as error:
            self._console.say(f"  {error.detail}")
            self._console.say("  Speech is off until then: ./studio models install speech")

    def _fetch(self, name: str) -> None:
        folder = self._options.models_dir
        if local_models.installed(name, folder):
            return
        self._options.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        model = local_models.find(name)
        title = f"Model ({model.role})"
        python = self._environment.python
        sources = Sources(python=str(python if python.exists() else sys.executable))

        def report(progress: Progress) -> None:
            self._console.progress(title, progress.done, progress.total, progress.rate)

        with self._console.step(title, f"{name}, {model.size / MEGABYTE:.0f} MB"):
            local_models.install(name, folder, report, sources)

    def _variables(self) -> dict[str, str]:
        return {**self._environment.variables(), **self._options.settings}

    def _run(self, command: list[str], variables: dict[str, str]) -> int:
        program = self._environment.folder / "bin" / command[0]
        return subprocess.run(
            [str(program), *command[1:]], env=variables, cwd=PROJECT, check=False
        ).returncode

    def _become(self, module: str, *arguments: str) -> int:
        """Replace this process by a module of the studio, so that signals reach it directly."""
        python = str(self._environment.python)
        os.chdir(PROJECT)
        sys.stdout.flush()
        os.execve(python, [python, "-m", module, *arguments], self._variables())  # noqa: S606


def require_free_port(host: str, port: int) -> None:
    """Raise `Failure` unless a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror as error:
            raise Failure(f"“{host}” is not an address of this machine.") from error
        except OSError as error:
            raise Failure(_no_port(host, port, error)) from error


def _no_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 3000
        return (
            f"Port {port} is taken: the studio or another program listens there already. "
            f"Stop it, or choose another port: ./studio up --port {other}"
        )
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than you have. Choose one above 1023 with --port."
    return f"The studio cannot listen on {host}:{port}: {error.strerror}."


def _storage(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "The disk is full. Free some space and start again; what is there already is kept."
    place = Path(error.filename) if isinstance(error.filename, str) else "a folder"
    return f"{place} cannot be written to. Check its owner, or choose another --data-dir."
