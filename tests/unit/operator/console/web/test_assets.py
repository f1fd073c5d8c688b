import re

import pytest

from orderpipeline_operator.console.web.assets import FOLDER, AssetsMissingError, load_assets
from orderpipeline_operator.console.web.headers import POLICY

OURS = sorted(path for path in FOLDER.iterdir() if path.is_file())
MOST_BYTES = 300 * 1024
LIBRARIES = 62 * 1024
"""Of the versions in operator/console/package-lock.json."""


def test_the_policy_allows_nothing_inline_and_no_other_site():
    assert "'unsafe" not in POLICY
    assert "http" not in POLICY
    assert "default-src 'none'" in POLICY
    assert "frame-ancestors 'none'" in POLICY


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_is_inline_evaluated_or_of_another_site(path):
    text = path.read_text()
    sites = set(re.findall(r"https?://[\w.]+", text)) - {"http://www.w3.org"}
    assert not sites
    assert not re.search(r"\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write|unsafeHTML", text)
    assert not re.search(r"\sstyle=|\son\w+=[\"']|<script>|<style", text)


def test_all_of_it_is_small():
    assert sum(path.stat().st_size for path in OURS) + LIBRARIES < MOST_BYTES


def test_without_the_libraries_it_is_said_what_to_run(tmp_path):
    (tmp_path / "index.html").write_text("<p>")
    with pytest.raises(AssetsMissingError, match="hack/console-assets"):
        load_assets(tmp_path)
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor/a.js").write_text("1")
    (tmp_path / "vendor/LICENSE.a").write_text("1")
    assert sorted(load_assets(tmp_path)) == ["index.html", "vendor/a.js"]
