"""`longshore push`: a version of a model onto a claim."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from longshore.commands.command import Command, Purpose
from longshore.errors import SettingsError
from longshore.exit_code import ExitCode
from longshore_k8s.access import add_cluster_options, add_namespace_option, namespace_of
from longshore_k8s.api import ClusterUnreachable

if TYPE_CHECKING:
    from longshore_k8s.push.cluster import Cluster
    from longshore_k8s.push.display import Display
    from longshore_k8s.push.pod_manifest import PodOptions
    from longshore_k8s.push.target import Target

INTERRUPTED = 130
"""What a shell reports for a program that Ctrl-C ended."""
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|Ki|Mi|Gi)?")
_LIKE_CTRL_C = (signal.SIGTERM, signal.SIGHUP)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL_DIR", help="directory of the model")
    add_target_arguments(parser)
    parser.add_argument(
        "--version", type=_number, metavar="N",
        help="which version of MODEL_DIR (default: the newest), or the number of a lone artifact "
        "(default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--replace-config", action="store_true",
        help="put config.yaml in the place of another one",
    )  # fmt: skip
    parser.add_argument(
        "--fresh", action="store_true", help="remove what interrupted pushes left there"
    )
    parser.add_argument(
        "--no-run", action="store_true",
        help="compare and hash alone, without loading the model here",
    )  # fmt: skip
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS",
        help="wait until every pod serves the version, for as long as this",
    )  # fmt: skip


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Of every command that puts a pod onto a claim."""
    parser.add_argument(
        "target", metavar="CLAIM_OR_RELEASE[:PATH]",
        help="name of a claim, or of a release that serves from one; claim/NAME or release/NAME "
        "says which. PATH: the model's directory on the volume (default: the release's, or the "
        "root)",
    )  # fmt: skip
    add_namespace_option(parser, "its namespace")
    parser.add_argument("--image", help="image of the pod (default: the release's)")
    parser.add_argument(
        "--cpu", type=_quantity, default="1", help="CPUs that the pod may use (default: 1)"
    )
    parser.add_argument(
        "--memory", type=_quantity, default="256Mi", help="memory of the pod (default: 256Mi)"
    )
    parser.add_argument(
        "--timeout", type=float, default=300.0, metavar="SECONDS",
        help="how long to wait for the pod to run (default: 300)",
    )  # fmt: skip
    add_cluster_options(parser)


def run(options: argparse.Namespace) -> int:
    from longshore_k8s.push.display import Shown, display, size
    from longshore_k8s.push.model_to_push import choose

    shown = display(sys.stderr)
    progress = Shown(shown)
    path = Path(options.model)
    model = choose(path, options.version, runs=not options.no_run, progress=progress)
    sys.stdout.flush()

    def push(cluster: Cluster, target: Target, pod: PodOptions) -> None:
        from longshore_k8s.push.pushing import Push
        from longshore_k8s.push.wait_served import wait_until_served

        shown.say(f"pushing version {model.version} ({size(model.size)}) to {target}")
        Push(
            cluster, target, model, pod, shown,
            replaces_config=options.replace_config, is_fresh=options.fresh,
            wait_seconds=options.timeout,
        ).run()  # fmt: skip
        place = "/".join(part for part in (target.path, model.version) if part)
        print(f"published: {target.claim_name}:{place}, {size(model.size)}, verified there")
        if model.calibrations:
            print(f"calibrations beside it: {len(model.calibrations)}")
        _tell_who_waits(cluster, target, shown)
        if options.wait:
            wait_until_served(target, model.version, cluster, seconds=options.wait, say=shown.say)

    again = "the same command goes on from there"
    return on_the_claim(options, shown, push, writes=True, interrupted=again)


def on_the_claim(
    options: argparse.Namespace,
    shown: Display,
    work: Callable[[Cluster, Target, PodOptions], None],
    *,
    writes: bool,
    interrupted: str,
) -> int:
    """Exit code of `work` with the claim that the options name. Ctrl-C, SIGTERM and SIGHUP end it
    as an exception does, so that the pod is deleted.
    """
    from longshore_k8s.client import ClusterClient
    from longshore_k8s.doctor.objects import MissingRight, Objects
    from longshore_k8s.push.claim_faults import check_claim
    from longshore_k8s.push.errors import PushFailed
    from longshore_k8s.push.pod import check_rights
    from longshore_k8s.push.target import find_target

    cluster = ClusterClient(options.kubeconfig, options.context)
    try:
        with _interrupted_by_signals():
            namespace = namespace_of(options)
            target = find_target(options.target, Objects(cluster, namespace))
            check_claim(target, writes=writes)
            pod = _pod_options(options, target)
            check_rights(cluster, namespace)
            work(cluster, target, pod)
    except PushFailed as error:
        return _fail(str(error))
    except MissingRight as error:
        return _fail(f"you lack the right to {error}")
    except ClusterUnreachable as error:
        return _fail(f"no answer from {error}")
    except KeyboardInterrupt:
        _fail(f"interrupted; {interrupted}")
        return INTERRUPTED
    return ExitCode.OK


def _tell_who_waits(cluster: Cluster, target: Target, shown: Display) -> None:
    """Pods that ended for want of a model come back by themselves, but perhaps minutes later."""
    from longshore_k8s.doctor.objects import MissingRight, Objects
    from longshore_k8s.push.serving_pods import restarting_pods

    try:
        names = restarting_pods(target, Objects(cluster, target.namespace))
    except MissingRight:
        return
    if names:
        shown.say(
            f"started again within five minutes, or now by `kubectl -n {target.namespace} delete "
            f"pod {' '.join(names)}`"
        )


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _LIKE_CTRL_C}
    for number in _LIKE_CTRL_C:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _pod_options(options: argparse.Namespace, target: Target) -> PodOptions:
    from longshore_k8s.push.pod_manifest import PodOptions

    image = options.image or target.image
    if image is None:
        raise SettingsError(
            f"no release serves from claim {target.claim_name}, so that no image is known: --image "
            f"IMAGE, one that `make image-cpu` built and a registry has"
        )
    return PodOptions(image, options.cpu, options.memory)


def _number(text: str) -> int:
    from longshore.repository.version_policy import is_version

    if not is_version(text):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: 1, 2, 3, ...")
    return int(text)


def _quantity(text: str) -> str:
    if _QUANTITY.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: a quantity such as 500m, 2 or 512Mi")
    return text


def _fail(sentence: str) -> int:
    print(f"longshore: {sentence}", file=sys.stderr)
    return ExitCode.FAILED


COMMAND = Command(
    Purpose.OPERATE,
    "put a version of a model onto a claim, checked, verified there and published in one step",
    add_arguments,
    run,
)
