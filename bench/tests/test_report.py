"""The report has the figures of its results, and nothing that was not measured."""

import re
from pathlib import Path

from bench.plots import draw
from bench.report import NEEDS, TEMPLATE, report
from bench.tables import number, table
from bench.tests.samples import results


def test_every_section_is_in_a_full_report() -> None:
    text = report(results())
    assert re.findall("^## (.+)$", text, re.MULTILINE) == re.findall("^## (.+)$", TEMPLATE.read_text(), re.MULTILINE)
    assert not re.search(r"\{[a-z_]+[\[}]", text)


def test_lines_are_filled() -> None:
    text = report(results())
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 118
    assert "\n- Three copies of each order." in text
    assert "\n\n\n" not in text
    assert not re.search(r"\w   ?\w", text)


def test_sections_that_are_left_out_are_sections_of_the_template() -> None:
    assert set(NEEDS) <= set(re.findall("^## (.+)$", TEMPLATE.read_text(), re.MULTILINE))


def test_what_was_not_measured_is_left_out() -> None:
    found = {key: value for key, value in results().items() if key not in ("latency", "end_to_end_ours")}
    text = report(found)
    assert "## Latency" not in text
    assert "## End to end" not in text
    assert "## Accepting orders" in text


def test_figures_are_in_their_rows() -> None:
    text = report(results())
    prose = " ".join(text.split())
    assert re.search(r"^\| Ours \| 2\.10 \(2\.00 to 2\.20\) \|", text, re.MULTILINE)
    assert re.search(r"^\| Ours \| 70,000 \| 60,000 to 80,000 \| 2\.00 \| 0\.50 \| 9\.00 \|", text, re.MULTILINE)
    assert re.search(r"^\| COPY \| 100,000 \| .+ \| not measured \| not measured \| 6\.25 \|", text, re.MULTILINE)
    assert re.search(r"^\| Ours \| 567,890 \| 34,000,000 \| 0 \| 40 \| 99 \| 40\.0 \|", text, re.MULTILINE)
    assert re.search(r"^\| Ours \| 0\.10 \| 1\.00 \| 1\.25 \| 0\.80 \| 0\.05 \| 0\.10 \| 3\.30 \|", text, re.MULTILINE)
    assert "The broker took the most, 1.25 µs, then the producer, 1.00 µs" in prose
    assert "in the producer from 82 to 88 MiB and in the consumer from 90 to 90 MiB" in prose
    assert "1.0 cores of order API" in prose
    assert "3.8 cores of brokers" in prose
    assert re.search(r"^\| Gin \| 5\.10 \(5\.00 to 5\.20\) \| 5\.10", text, re.MULTILINE)
    assert "ours 6.4 times its 80,000 orders a second" in prose


def test_a_cost_that_includes_refusals_says_so() -> None:
    found = results()
    assert "refused)" not in report(found)
    found["growth"]["partitions"]["gin"]["500"]["orders_refused"] = 44_000
    assert re.search(r"^\| Gin \| 4\.00 \| 4\.00 \(44,000 refused\) \|", report(found), re.MULTILINE)


def test_goals_are_judged_by_the_figures() -> None:
    text = report(results())
    assert "| one order, reply at once: CPU to Gin's | ≤ 0.5 | 0.51 | no |" in text
    assert "| consuming: CPU to franz-go's | ≤ 0.5 | 0.46 | yes |" in text
    assert "| end to end on two cores, orders/s | 1,000,000 | 567,890 | no |" in text
    assert "| orders of 10 KiB: CPU to Gin's | ≤ 0.5 | 0.75 | no |" in text
    assert "| batches of one order: CPU to Gin's | ≤ 0.8 | 0.75 | yes |" in text
    assert "| 500 partitions: CPU to that with 12 | ≤ 1.5 | 1.00 | yes |" in text
    assert "| into PostgreSQL: orders/s to COPY's | ≥ 0.5 | 0.70 | yes |" in text
    assert "| p99 of single acked orders at 70 % of the maximum, ms | < 20 | 10.00 | yes |" in text
    assert "| 1000 orders, reply after the ack, by TLS and SCRAM: CPU to Gin's | ≤ 0.4 | 0.31 | yes |" in text
    assert "TLS and SCRAM: CPU to ours over plain connections | ≤ 1.35 | 1.23 | yes |" in text
    assert "| end to end, orders/s to Gin and franz-go | ≥ 6 | 6.38 | yes |" in text
    assert "| peak memory of the consumer end to end, MiB | < 150 | 151 | no |" in text


def test_a_goal_without_a_figure_is_neither_met_nor_missed() -> None:
    found = results()
    found["headline"]["consume"]["ratio"] = None
    assert "| consuming: CPU to franz-go's | ≤ 0.5 | not measured | not measured |" in report(found)


def test_tables_and_numbers() -> None:
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
    assert number(1234.567) == "1,234.57"
    assert number(None) == "not measured"


def test_every_figure_in_the_template_is_drawn(tmp_path: Path) -> None:
    made = {path.name for path in draw(results(), tmp_path)}
    assert made == set(re.findall(r"!\[.+?\]\((.+?)\)", TEMPLATE.read_text()))
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in made)
