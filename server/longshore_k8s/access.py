"""Which cluster and which namespace a command is about, by the options that kubectl has for it."""

from __future__ import annotations

import argparse


def add_namespace_option(parser: argparse._ActionsContainer, what: str) -> None:
    """`-n`; `namespace_of` knows which it is where it is not given."""
    parser.add_argument(
        "-n", "--namespace", help=f"{what} (default: that of the kubeconfig's context)"
    )


def add_cluster_options(parser: argparse._ActionsContainer) -> None:
    """`--kubeconfig` and `--context`."""
    parser.add_argument("--kubeconfig", metavar="FILE")
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig")


def namespace_of(options: argparse.Namespace) -> str:
    """
    Raises:
        SettingsError: none is given, and there is no kubeconfig, or it is wrong.
    """
    if options.namespace:
        return str(options.namespace)
    from longshore_k8s.client import current_namespace

    return current_namespace(options.kubeconfig, options.context)
