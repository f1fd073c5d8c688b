"""The programs `orderpipeline`, `kubectl-orderpipeline` and `kubectl_complete-orderpipeline`."""

import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from orderpipeline_cli.app import make_app
from orderpipeline_cli.cluster.names import pipeline_names
from orderpipeline_cli.exits import CommandError, Exit
from orderpipeline_cli.kubectl_completion import complete
from orderpipeline_cli.output import complain, write
from orderpipeline_embedded.errors import OptionError
from orderpipeline_operator.errors import ApiError, Unauthorized, Unreachable

KUBECTL = "kubectl orderpipeline"


def main(arguments: Sequence[str] | None = None, name: str = "orderpipeline") -> int:
    """Run one command; the exit code, see `exits.Exit`. `name` is how the program was called."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    app = make_app(name)
    try:
        found = app(given, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, OptionError) as error:
        command = f"{given[0]} " if given and given[0] in app else ""
        complain(f"{name}: {error}\nSee: {name} {command}--help")
        return Exit.USAGE
    except CommandError as error:
        complain(f"{name}: {error}")
        return error.exit
    except ApiError as error:
        complain(f"{name}: {error}{_next_step(error)}")
        return Exit.FAILED
    except BrokenPipeError:  # whoever read the output has seen enough
        return Exit.DONE
    return found if isinstance(found, int) else Exit.DONE


def main_kubectl() -> int:
    """As kubectl's plugin."""
    return main(name=KUBECTL)


def main_complete() -> int:
    """Answer kubectl, which asks how the words after `kubectl orderpipeline` may go on."""
    write(complete(make_app(KUBECTL), sys.argv[1:], pipeline_names))
    return Exit.DONE


def _next_step(error: ApiError) -> str:
    if isinstance(error, Unreachable):
        return "; check that the cluster is up, and the kubeconfig's context: kubectl config current-context"
    if isinstance(error, Unauthorized):
        return "; log in again, or choose another --context"
    return ""


if __name__ == "__main__":
    sys.exit(main())
