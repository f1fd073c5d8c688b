"""`kubectl orderpipeline`: explains a pipeline. It reads through kubectl, with the user's own rights."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orderpipeline_operator.domain.api.v1alpha1 import GROUP, PLURAL
from orderpipeline_operator.domain.scaling.why import report


class CannotTellError(Exception):
    """Why there is nothing to explain; the text ends the program."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 when the pipeline could not be read."""
    parser = argparse.ArgumentParser(prog="kubectl orderpipeline", description="More about order pipelines.")
    commands = parser.add_subparsers(dest="command", required=True)
    add_why(commands.add_parser("why", help="why a pipeline has as many consumers as it has"))
    return why(parser.parse_args(arguments))


def add_why(parser: argparse.ArgumentParser) -> None:
    """The arguments of `why`."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="of the OrderPipeline")
    parser.add_argument("-n", "--namespace", help="its namespace; default: the context's")
    parser.add_argument("--context", help="context of the kubeconfig")
    parser.add_argument("--kubeconfig", help="file to use instead of the usual one")
    parser.add_argument("-f", "--file", help="an OrderPipeline as JSON with its status instead; - is standard input")


def why(given: argparse.Namespace) -> int:
    """Print the explanation that `given` asks for."""
    try:
        pipeline = _from_file(given.file) if given.file else _from_cluster(given)
    except CannotTellError as error:
        sys.stderr.write(f"orderpipeline why: {error}\n")
        return 1
    sys.stdout.write(report(pipeline))
    return 0


def _from_file(name: str) -> dict[str, Any]:
    try:
        return _pipeline(sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8"), name)
    except OSError as error:
        raise CannotTellError(f"{name} cannot be read: {error.strerror}") from None


def _from_cluster(given: argparse.Namespace) -> dict[str, Any]:
    if not given.name:
        raise CannotTellError("name the OrderPipeline, such as: why shop")
    command = ["kubectl", "get", f"{PLURAL}.{GROUP}", given.name, "--output=json"]
    for option in ("namespace", "context", "kubeconfig"):
        value = getattr(given, option)
        command += [f"--{option}={value}"] if value else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (no shell, no path of the user's making)
    except FileNotFoundError:
        raise CannotTellError("kubectl is not installed; install it, or give a file by --file") from None
    if done.returncode != 0:
        raise CannotTellError(done.stderr.strip())
    return _pipeline(done.stdout, "kubectl's answer")


def _pipeline(text: str, source: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise CannotTellError(f"{source} is not JSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
        raise CannotTellError(f"{source} is no OrderPipeline")
    return found


if __name__ == "__main__":
    sys.exit(main())
