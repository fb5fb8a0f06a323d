"""What the documentation shows is what the tools say, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import sima_mlir
from sima_mlir.universe import SIMA_UNIVERSE

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))
CERTIFICATES = (ROOT / "docs/certificates.md").read_text()
COMPARISON = (ROOT / "docs/comparison.md").read_text()
REMARKS = (ROOT / "docs/remarks.md").read_text()
SCRIPTS = str(Path(sys.executable).parent)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("block", blocks(REMARKS + COMPARISON, "console"))
def test_a_command_prints_what_is_shown(block: str, tmp_path: Path):
    command, *shown = block.splitlines()
    command = command.removeprefix("$ ").replace("/tmp/", f"{tmp_path}/")
    env = os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(command, shell=True, cwd=ROOT, env=env, capture_output=True, text=True)
    assert result.returncode in (0, 1)
    parts = [re.escape(f"{line}\n") if line != "…" else "(?:.*\n)+?" for line in shown]
    assert re.fullmatch("".join(parts), result.stdout + result.stderr)


def test_the_example_of_a_certificate_is_true_and_the_one_beside_it_is_not():
    (module,), (error,) = blocks(CERTIFICATES, "mlir"), blocks(CERTIFICATES, "text")
    ctx = sima_mlir.make_context()
    sima_mlir.verify(sima_mlir.parse(ctx, module, "halves.mlir"), ctx)
    assert "max_error = 1" in module
    other = sima_mlir.parse(ctx, module.replace("max_error = 1", "max_error = 0"), "halves.mlir")
    with pytest.raises(sima_mlir.SimaError) as caught:
        sima_mlir.verify(other, ctx)
    assert f"{caught.value}\n" == error


def test_the_python_example_finds_the_worst_layer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(ROOT)
    (example,) = blocks(REMARKS, "python")
    exec(compile(example, "remarks.md", "exec"), {"sima_mlir": sima_mlir})
    printed = capsys.readouterr().out
    (shown,) = re.findall(r"a result may be off by (\d+),", REMARKS)
    assert printed == f"qnn.conv {shown}\n"


@pytest.mark.parametrize("name", SIMA_UNIVERSE.all_passes)
def test_the_page_of_a_pass_has_its_name_and_each_option(name: str):
    page = (ROOT / f"docs/passes/{name}.md").read_text()
    assert page.startswith(f"# `{name}`\n")
    for option in fields(SIMA_UNIVERSE.all_passes[name]()):
        assert f"| `{option.name.replace('_', '-')}` |" in page


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if "becomes\n\n```mlir\nfunc.func" in p.read_text()],
    ids=lambda page: page.stem,
)
def test_the_example_of_a_pass_is_what_it_does(page: Path):
    before, after = blocks(page.read_text(), "mlir")
    assert printed(after, "") == printed(before, page.stem) != printed(before, "")


def printed(text: str, pipeline: str) -> str:
    ctx = sima_mlir.make_context()
    module = sima_mlir.parse(ctx, text, "example.mlir")
    sima_mlir.run_pipeline(ctx, module, pipeline)
    for number, value in enumerate(v for op in module.walk() for v in op.results):
        value.name_hint = f"v{number}"
    return str(module)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_files_exist(page: Path):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / target).exists(), target
    for path in re.findall(r"`((?:filecheck|dialects|interpreters|passes|tests)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
