"""The tree of commands, with what `--help` says of each. A command's module is imported when the command is used."""

from inspect import cleandoc
from typing import Annotated, Any, Final, Literal, NamedTuple

from cyclopts import App, Group, Parameter

from orderpipeline_cli.output import write
from orderpipeline_common.contract import VERSION

HELP: Final = """Runs order pipelines on this machine, and looks after those in a cluster.

Exit codes: 0 done; 1 failed; 2 could not start, as the command line or a file is wrong; 3 `plan`: something would
change; 130 interrupted.
"""

PROGRAM: Final = "orderpipeline"
COMPLETION_HELP: Final = """Print the script that makes a shell complete this command line.

bash: `source <(orderpipeline completion bash)` in ~/.bashrc; zsh: write it to a file `_orderpipeline` in a folder of
$fpath; fish: write it to ~/.config/fish/completions/orderpipeline.fish. kubectl completes `kubectl orderpipeline` by
the program kubectl_complete-orderpipeline, which is installed with this one.
"""


class Command(NamedTuple):
    """One command: its name, module:function in `commands`, the group in which it is listed, and its help."""

    name: str
    function: str
    group: Group
    help: str


Shell = Literal["bash", "zsh", "fish"]
_HERE, _FILES, _LOOK, _CHANGE, _ABOUT = (
    Group(title, sort_key=position)
    for position, title in enumerate(
        ("On this machine", "Files", "Look at a pipeline", "Change a pipeline", "About this program")
    )
)

COMMANDS: Final = (
    Command(
        "run",
        "run:run",
        _HERE,
        """Run the pipeline in a file on this machine: Java and Python, no cluster.

        Ctrl-C stops the API, lets the consumers finish and commit the orders they hold, and stops Kafka; a second
        Ctrl-C stops everything at once. Data and logs stay, and the next run goes on from there.""",
    ),
    Command(
        "load",
        "load:load",
        _HERE,
        """Send orders to an order API, and measure rate, latency and acceptance.

        Without --rate each connection sends its next request when the reply has arrived (closed loop). With --rate
        orders are due at fixed times, whatever the server does (open loop), and latency counts from the time at which
        a request was due.""",
    ),
    Command(
        "validate",
        "validate:validate_file",
        _FILES,
        """Check the pipelines in a file, without a cluster.

        Errors are worded as the API server's and then the operator's. Rules that compare a pipeline with its former
        state need the API server: `plan` asks it.""",
    ),
    Command(
        "render",
        "render:render_file",
        _FILES,
        """Print the manifests that the operator would apply for the pipelines in a file, without a cluster.""",
    ),
    Command(
        "plan",
        "plan:plan_file",
        _FILES,
        """Show what the pipeline in a file would change in a cluster, and write nothing.

        The API server validates the pipeline and every object that the operator would apply, by a dry run. Exit code 0:
        nothing would change; 3: something would; 1: something would be refused. You need the rights to read what the
        operator makes and, to have the API server validate it, to patch it.""",
    ),
    Command(
        "status",
        "status:status",
        _LOOK,
        """Show the state of a pipeline on one screen: health, flow, lag, scaling and why, and what to do.

        Without a name it is the newest run on this machine or, if nothing has run here or a namespace, context or
        kubeconfig is given, the only pipeline of the namespace.""",
    ),
    Command(
        "why",
        "why:why",
        _LOOK,
        """Explain the number of consumers, with the arithmetic.

        Without a name it is the newest run on this machine or, if nothing has run here or a namespace, context or
        kubeconfig is given, the only pipeline of the namespace.""",
    ),
    Command(
        "console",
        "console:console",
        _LOOK,
        """Serve the console of a cluster's pipelines on this machine, and print its address.

        It reads with your own rights, so that it shows nothing that you may not get, and it never reads a Secret. It
        shows state, flow, lag, scaling and conditions; partitions, messages and brokers are shown by the console of
        `run`. Whoever can connect to this machine's loopback interface sees it meanwhile, as with kubectl proxy.""",
    ),
    Command(
        "pause",
        "pausing:pause",
        _CHANGE,
        """Have the operator leave a pipeline alone: it writes nothing but its status until `resume`.

        Orders keep flowing, and an existing HPA or ScaledObject keeps scaling. Sets spec.paused.""",
    ),
    Command("resume", "pausing:resume", _CHANGE, "Have the operator look after a pipeline again. Unsets spec.paused."),
    Command(
        "restart",
        "restart:restart",
        _CHANGE,
        """Replace the pods of a pipeline one after the other, as kubectl rollout restart does.

        Order API pods finish their requests, and consumers commit what they have handled, before they go. Ctrl-C ends
        the waiting, not the restart.""",
    ),
    Command(
        "dlq",
        "dlq:app",
        _CHANGE,
        """List, show, replay or drop dead letters: the orders that the consumers have given up.

        In a cluster this runs in a pod beside Kafka, with the consumers' image and a Kafka user of its own; both are
        made for the command and deleted after it. You need the rights to make pods and KafkaUsers and to read logs.""",
    ),
    Command(
        "report",
        "report:report",
        _LOOK,
        """Collect what somebody needs who is to help: one archive with objects, state, events, logs, metrics, versions.

        It reads no Secret. Passwords, keys, tokens, and the values of orders are removed; look through it all the same
        before you pass it on.""",
    ),
    Command("version", "version:version", _ABOUT, "Print the version; with --server also those in the cluster."),
)


def make_app(name: str = PROGRAM) -> App:
    """The command line. `name` is how the program was called."""
    app = App(
        name=name,
        help=HELP,
        version=VERSION,
        help_format="markdown",
        group_commands=_ABOUT,
        default_parameter=Parameter(negative=(), show_default=_shown),
    )
    for command in COMMANDS:
        path = f"orderpipeline_cli.commands.{command.function}"
        app.command(path, name=command.name, help=cleandoc(command.help), group=command.group)

    def completion(shell: Annotated[Shell, Parameter(help="The shell that is to read the script.")], /) -> None:
        write(app.generate_completion(prog_name=PROGRAM, shell=shell))

    app.command(completion, group=_ABOUT, help=cleandoc(COMPLETION_HELP))
    return app


def _shown(default: Any) -> str | None:
    """What the help says of a default; nothing of a switch that is off or a list that is empty."""
    return str(default) if default or type(default) in (int, float) else None
