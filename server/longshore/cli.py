"""The `longshore` command; heavy imports wait until the command that needs them runs."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from longshore import __version__
from longshore.errors import ModelConfigError, ModelLoadError, SettingsError
from longshore.logs import configure_logging
from longshore.option import ENV_PREFIX, Option
from longshore.settings import Settings, load_settings, misspelt_variables, option_table

if TYPE_CHECKING:
    from longshore.repository.artifact import Artifact
    from longshore.repository.model_config import ModelConfig

logger = logging.getLogger(__name__)

USAGE_ERROR, LOAD_ERROR = 2, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (1: the model cannot be served, or work was left
    undone; 2: usage; 3, from `serve`: the device was lost).
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except SettingsError as error:
        print(f"longshore: {error}", file=sys.stderr)
        return USAGE_ERROR
    except (ModelConfigError, ModelLoadError, OSError) as error:
        print(f"longshore: {error}", file=sys.stderr)
        return LOAD_ERROR


def _serve(options: argparse.Namespace) -> int:
    settings = _settings(options)
    configure_logging(settings.log.log_level, settings.log.log_format)
    for name, meant in misspelt_variables(os.environ).items():
        logger.warning("%s sets nothing; did you mean %s?", name, meant)
    # Process 1 would ignore the signal until the server has set its own handler.
    signal.signal(signal.SIGTERM, _stop_early)
    # uvloop, starlette and numpy take a noticeable part of a second: not for --help.
    from longshore.lifecycle.memory import use_one_arena

    use_one_arena()
    gc.disable()  # until the server is up: a tenth of the imports' time for nothing
    import uvloop

    from longshore.server import DEVICE_LOST, Server

    async def run() -> int:
        code = await Server(settings).run()
        if code == DEVICE_LOST:
            # The destructors of a lost device's libraries may hang, or end with another code.
            logging.shutdown()
            os._exit(code)
        return code

    return uvloop.run(run())


def _stop_early(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _inspect(options: argparse.Namespace) -> int:
    """Print what would be served and what is wrong; 1 when nothing can be served."""
    from longshore.repository.inspection import inspect
    from longshore.repository.layout import ModelRepository
    from longshore.repository.model_config import ModelConfig

    found = inspect(ModelRepository(Path(options.directory), name=options.name, settle_seconds=0))
    print(f"model: {found.model_name or '(no valid name)'}")
    config = found.config or ModelConfig()
    is_servable = [_print_version(config, artifact) for artifact in found.artifacts]
    for problem in found.problems:
        print(f"version {problem.version} is not served: {problem.message}")
    if found.fault:
        print(f"nothing is served: {found.fault}")
    if found.artifacts and not is_servable[0]:
        _print_draft(found.root, config, found.artifacts[0])
    return 0 if any(is_servable) else LOAD_ERROR


def _print_version(config: ModelConfig, artifact: Artifact) -> bool:
    """Load one version as `serve` would, on the CPU, and print its tensors or what is wrong."""
    from longshore.backends.base import Device
    from longshore.backends.registry import create_backend
    from longshore.loading.proof.declared_signature import declared_signature
    from longshore.loading.proof.learned_outputs import learn_outputs
    from longshore.repository.integrity import open_verified

    try:
        with open_verified(artifact) as verified:
            config, left_out = learn_outputs(verified, config, threads=1)
            backend = create_backend(verified, config=config, device=Device("cpu"), threads=1)
        signature = declared_signature(config, backend.signature)
    except (ModelConfigError, ModelLoadError) as error:
        print(f"version {artifact.version} is not served: {error}")
        return False
    print(f"version {artifact.version}: {artifact.path.name} ({artifact.format})")
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            print(f"  {kind} {spec.name}: {spec.datatype} {list(spec.shape)}")
    for part in (*signature.left_out, *left_out):
        print(f"  not served: {part}")
    backend.close()
    return True


def _print_draft(root: Path, config: ModelConfig, artifact: Artifact) -> None:
    """Print the config that `artifact` lacks, where one can be found."""
    from longshore.loading.config_draft import draft_config
    from longshore.repository.config.document import read_document
    from longshore.repository.integrity import open_verified
    from longshore.repository.layout import CONFIG_FILE

    file = root / CONFIG_FILE
    try:
        document = read_document(file) if root.is_dir() and file.exists() else None
        with open_verified(artifact) as verified:
            text = draft_config(verified, config, document or {})
    except (ModelConfigError, ModelLoadError):
        return  # the version's own line says it
    if text is not None:
        print(f"\n{text}", end="")


def _manifest(options: argparse.Namespace) -> int:
    """Write, or verify, the manifest of every version."""
    from longshore.repository.integrity import verify, write_manifest
    from longshore.repository.layout import ModelRepository

    directory = Path(options.directory)
    if options.verify:
        repository = ModelRepository(directory, settle_seconds=0, manifest="required")
        scan = repository.scan()
        for problem in scan.problems:
            raise ModelLoadError(problem.message)
        for artifact in scan.artifacts:
            verify(artifact)
            print(f"verified: {artifact.path}")
        return 0
    for version in ModelRepository(directory, settle_seconds=0).directories():
        print(f"written: {write_manifest(version)}")
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    config_file = options.config_file or os.environ.get(f"{ENV_PREFIX}CONFIG_FILE")
    settings = load_settings(vars(options), os.environ, Path(config_file) if config_file else None)
    if not settings.model.model_path:
        raise SettingsError("no model: name its directory, as in `longshore serve models/digits`")
    if not Path(settings.model.model_path).exists():
        raise ModelLoadError(f"{settings.model.model_path}: no such file or directory")
    return settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="longshore", description="Serve one model over HTTP.")
    parser.add_argument("--version", action="version", version=f"longshore {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve a model directory until SIGTERM")
    serve.set_defaults(command=_serve)
    serve.add_argument("model_path", nargs="?", metavar="DIR", help="directory of the model")
    serve.add_argument(
        "--config-file",
        metavar="FILE",
        help="settings as YAML, by their names [LONGSHORE_CONFIG_FILE]",
    )
    for row in option_table():
        if row.name != "model_path":
            _add_option(serve, row)
    inspect = commands.add_parser("inspect", help="say what would be served, and what is wrong")
    inspect.set_defaults(command=_inspect)
    inspect.add_argument("directory", metavar="DIR", help="directory of the model")
    inspect.add_argument("--name", help="name of the model, as for serve")
    manifest = commands.add_parser("manifest", help="write manifest.json for every version")
    manifest.set_defaults(command=_manifest)
    manifest.add_argument("directory", metavar="DIR", help="directory of the model")
    manifest.add_argument("--verify", action="store_true", help="compare instead of writing")
    return parser


def _add_option(parser: argparse.ArgumentParser, row: Option) -> None:
    default = "" if row.is_optional or row.default in ("", ()) else f" (default: {row.default})"
    text = f"{row.help.replace('%', '%%')}{default} [{row.environment_variable}]"
    form: dict[str, Any] = {"nargs": "?", "const": "true"} if row.type is bool else {}
    parser.add_argument(row.flag, dest=row.name, metavar=row.name.upper(), help=text, **form)


if __name__ == "__main__":
    sys.exit(main())
