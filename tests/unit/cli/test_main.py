"""The programs: exit codes, errors that say what to do, help, completion, and the page in docs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from orderpipeline_cli.__main__ import main
from orderpipeline_cli.app import COMMANDS, make_app
from orderpipeline_cli.exits import Exit
from orderpipeline_cli.kubectl_completion import complete
from orderpipeline_common.contract import VERSION

ROOT = Path(__file__).parents[3]
GOOD = "apiVersion: orderpipeline.dev/v1alpha1\nkind: OrderPipeline\nmetadata: {name: shop}\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "nothing"),
        (["load", "--batch", "0"], "--batch must be from 1 to 100000"),
        (["load", "--rate", "0"], "--rate must be above 0"),
        (["load", "--mode", "many"], "single"),
        (["run", "--port", "70000"], "--port must be from 1 to 65535"),
        (["run", "--producers", "0"], "--producers must be from 1 to 64"),
        (["run", "--demo-rate", "-1"], "--demo-rate must be from 0"),
        (["validate"], "--file"),
        (["validate", "-f", "/no/such/file"], "name a file"),
        (["status", "shop", "--kubeconfig", "/no/such/file"], "--kubeconfig"),
        (["pause", "--kubeconfig", "/no/such/file"], "NAME"),
    ],
)
def test_what_cannot_start(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    assert main(arguments) == Exit.USAGE
    assert says in capsys.readouterr().err


def test_a_wrong_option_leads_to_the_help_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "--speed", "1"], "kubectl orderpipeline") == Exit.USAGE
    assert "See: kubectl orderpipeline load --help" in capsys.readouterr().err


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == Exit.DONE
    listed = capsys.readouterr().out
    for command in COMMANDS:
        assert command.name in listed
        assert main([command.name, "--help"]) == Exit.DONE
        assert f"orderpipeline {command.name}" in capsys.readouterr().out


def test_every_option_is_described() -> None:
    arguments = [
        (command.name[0], argument)
        for command in leaves(make_app())
        for argument in command.assemble_argument_collection(parse_docstring=True)
        if argument.show
    ]
    assert len(arguments) > 60
    assert [(name, argument.name) for name, argument in arguments if not argument.parameter.help] == []


def leaves(app: App) -> Iterator[App]:
    """The commands that do something."""
    for name in app:
        if not name.startswith("-"):
            inner = list(leaves(app[name]))
            yield from inner or [app[name]]


def test_the_page_in_docs_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "hack/gen-cli-docs"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == Exit.DONE
    assert capsys.readouterr().out.startswith(f"orderpipeline {VERSION}\n")
    assert main(["version", "-o", "json"]) == Exit.DONE
    assert f'"orderpipeline": "{VERSION}"' in capsys.readouterr().out


def completed(*words: str) -> list[str]:
    """The candidates, without their descriptions, and the directive."""
    text = complete(make_app(), words, lambda _: ("shop", "store"))
    return [line.partition("\t")[0] for line in text.splitlines()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["re"], ["render", "resume", "restart", "report", ":4"]),
        (["restart", ""], ["shop", "store", ":4"]),
        (["restart", "-n", "web", "s"], ["shop", "store", ":4"]),
        (["restart", "shop", ""], ["producers", "consumers", "all", ":4"]),
        (["restart", "--no-wait", "shop", "p"], ["producers", ":4"]),
        (["load", "--mode", ""], ["single", "batch", "ndjson", ":4"]),
        (["load", "--rate", ""], [":4"]),
        (["plan", "--out"], ["--output", ":4"]),
        (["plan", "-o", "y"], ["yaml", ":4"]),
        (["plan", "-f", ""], [":0"]),
        (["completion", ""], ["bash", "zsh", "fish", ":4"]),
        (["dlq", "d"], ["drop", ":4"]),
        (["dlq", "list", ""], ["shop", "store", ":4"]),
        (["nothing", ""], [":4"]),
    ],
)
def test_kubectl_s_completion(words: list[str], expected: list[str]) -> None:
    assert completed(*words) == expected


def test_an_option_that_is_given_is_not_offered_again() -> None:
    assert "--mode" in completed("load", "--")
    assert "--mode" not in completed("load", "--mode", "single", "--")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_for_shells_know_the_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == Exit.DONE
    script = capsys.readouterr().out
    assert all(command.name in script for command in COMMANDS)


def test_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == Exit.DONE
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    ask = "COMP_WORDS=(orderpipeline st); COMP_CWORD=1; _orderpipeline; echo ${COMPREPLY[@]}"
    done = subprocess.run(["bash", "-c", f"source {script}; {ask}"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["status"]


def test_validate_says_what_is_wrong_and_with_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(GOOD)
    assert main(["validate", "-f", str(file)]) == Exit.DONE
    assert "is valid" in capsys.readouterr().out
    file.write_text(f"{GOOD}spec: {{topic: {{partitions: 0}}}}\n---\n{GOOD.replace('shop', 'other')}")
    assert main(["validate", "-f", str(file)]) == Exit.FAILED
    shown = capsys.readouterr().out
    assert "* spec.topic.partitions: Invalid value: 0" in shown
    assert 'The OrderPipeline "other" is valid' in shown


def test_render_prints_what_the_golden_files_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(GOOD)
    assert main(["render", "-f", str(file), "-n", "store", "--producer-image", "p:1", "--consumer-image", "c:1"]) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.startswith("# stage")] == [
        "# stage kafka", "# stage entities", "# stage workloads",
    ]  # fmt: skip
    assert "image: p:1\n" in shown
    assert "namespace: store\n" in shown
    file.write_text(f"{GOOD}spec: {{topic: {{partitions: 0}}}}\n")
    assert main(["render", "-f", str(file)]) == Exit.FAILED
