"""From measurements in the cluster to the last line and the page."""

import json
import re

from bench.cluster.figures import costs, flatness, headline, rss
from bench.cluster.report import TEMPLATE, page
from bench.cluster.tests.samples import results, run


def test_the_last_line_has_every_figure() -> None:
    line = results()["headline"]
    assert list(line) == ["ingress", "service", "rss_mib", "engine"]
    service = line["service"]
    assert (service["orders_per_s"], service["go_orders_per_s"], service["ratio"]) == (500, 125, 4.0)
    assert service["us"] == {"envoy": 4.0, "producer": 6.0, "kafka": 8.0, "consumer": 10.0}
    assert service["go_us"]["producer"] == 24.0
    assert (service["single"]["p99_ms_at_70"], service["single"]["go_p99_ms_at_70"]) == (10.0, 50.0)
    assert service["single"]["orders_per_s"] == 500
    assert line["engine"] == "accelerator"
    json.dumps(line)


def test_what_was_not_measured_is_null_and_two_engines_are_none() -> None:
    line = headline({})
    assert line["service"]["orders_per_s"] is None
    assert set(line["service"]["us"].values()) == {None}
    assert line["ingress"]["single"]["p99_ms_at_70"] is None
    assert line["engine"] is None
    assert headline({"engines": ["accelerator", "python"]})["engine"] is None


def test_a_sink_has_a_cost_only_if_it_has_a_pod() -> None:
    assert "sink" not in costs([run(1.0)])
    with_sink = run(1.0)
    with_sink["us"]["sink"] = 7.0
    assert costs([with_sink])["sink"] == 7.0


def test_memory_is_the_most_of_all_runs_of_ours() -> None:
    found = results()
    found["cells"]["ingress"]["go"]["batch"][0]["rss_mib"]["producer"] = [999.0]
    assert rss(found) == {"producer": 73.0, "kafka": 500.0, "consumer": 151.0}


def test_flatness_compares_the_first_with_the_last_quarter() -> None:
    series = {"producer": [1.0, 3.0, 2.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 7.0, 9.0, 8.0], "kafka": [5.0]}
    assert flatness(series) == {"producer": (2.0, 8.0), "kafka": (5.0, 5.0)}


def test_the_page_has_all_sections_and_judges_the_goals() -> None:
    text = page(results(), {"batch_acked": {"ours_us": 5.0}, "single_acked": {"ours_us": 3.0}})
    assert re.findall("^## (.+)$", text, re.MULTILINE) == re.findall("^## (.+)$", TEMPLATE.read_text(), re.MULTILINE)
    assert not re.search(r"\{[a-z_]+\}", text)
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 118
    assert "with the sink `log`; their engine: accelerator." in " ".join(text.split())
    to_tls = "the order API's CPU to `make bench`'s with TLS | ≤ 1.5"
    assert f"| batches of 1000, straight to the Service: {to_tls} | 1.20 | yes |" in text
    assert f"| single orders, through the Ingress: {to_tls} | 2.00 | no |" in text
    assert "| single orders, through the Ingress: p99 at 70 %, ms | ≤ 20 | 10.0 | yes |" in text
    assert "| memory of the consumer, MiB | ≤ 150 | 151 | no |" in text
    assert re.search(r"^\| OrderPipeline \| 500 \(333 to 1,000\) \|", text, re.MULTILINE)
    assert "producer 70 to 73" in " ".join(text.split())


def test_goals_without_a_figure_are_neither_met_nor_missed() -> None:
    found = results()
    del found["soak"]
    text = page(found, None)
    assert "CPU to `make bench`'s with TLS | ≤ 1.5 | not measured | not measured |" in text
    assert "At full load" not in text
