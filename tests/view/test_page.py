"""The page as people use it: in a real browser, from a file and from the server."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests import commands

ROOT = Path(__file__).parent.parent.parent
GPT2 = ROOT / "models" / "gpt2.nnspec"


def specc(*args: object) -> subprocess.CompletedProcess[str]:
    return commands.specc("view", *args)


def until(what: Callable[[], Any], seconds: float = 20) -> Any:
    """What comes true within some time."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return found


class Page:
    """A page that a browser shows."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser = browser
        browser.get(address)
        self.drawn = 0
        self.redrawn()

    def js(self, script: str) -> Any:
        return self.browser.execute_script(f"return {script}")

    def redrawn(self) -> None:
        self.drawn = until(lambda: (n := int(self.js("document.body.dataset.drawn ?? 0"))) > self.drawn and n)

    def click(self, id: str) -> None:
        self.browser.find_element("id", id).click()

    def titles(self) -> list[str]:
        return self.js("[...document.querySelectorAll('.node .name')].map((n) => n.textContent)")

    def on(self, title: str) -> Any:
        """The name of a node, to click."""
        return self.js(
            f"[...document.querySelectorAll('.node .name')].find((n) => n.textContent === {title!r})"
        )

    def errors(self) -> list[str]:
        return [e["message"] for e in self.browser.get_log("browser")]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "gpt2.html"
    done = specc(GPT2, "-o", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def page(browser: Any, written: Path) -> Page:
    return Page(browser, written.as_uri())


def test_blocks_open_and_close(page: Page) -> None:
    page.click("close")
    page.redrawn()
    assert "attn" not in page.titles()
    page.on("h").click()
    page.on("h").click()
    page.redrawn()
    assert {"ln_1", "attn", "mlp"} <= set(page.titles())
    page.click("open")
    page.redrawn()
    assert "c_attn" in page.titles()
    page.click("close")
    page.redrawn()
    assert "attn" not in page.titles()
    assert page.errors() == []


def test_search_opens_what_it_finds_and_the_source_follows(page: Page) -> None:
    field = page.browser.find_element("id", "search")
    field.send_keys("h.0.mlp.c_fc\n")
    page.redrawn()
    assert "c_fc" in page.titles()
    assert page.js("document.getElementById('found').textContent") == "1 of 1"
    until(lambda: "c_fc" in page.js("document.querySelector('.line.marked')?.textContent ?? ''"))
    about = page.js("document.getElementById('about').textContent")
    assert "2,362,368" in about
    assert "4.72M·N·T  =  4718592*N*T" in about
    assert "float[N, T, 3072]" in about
    assert "float[N, T, hidden]" in about


def test_a_line_of_the_source_shows_its_node(page: Page) -> None:
    lines = page.browser.find_elements("css selector", "#source .line")
    number = next(i for i, line in enumerate(GPT2.read_text().splitlines()) if "scaled_dot_product" in line)
    page.browser.execute_script("arguments[0].click()", lines[number])
    page.redrawn()
    chosen = until(lambda: page.js("document.querySelector('.node.chosen .name')?.textContent"))
    assert chosen == "scaled_dot_product_attention"


def test_names_theme_and_methods(page: Page) -> None:
    page.click("names")
    page.redrawn()
    assert "[N, T, dim]" in page.js("[...document.querySelectorAll('.type')].map((t) => t.textContent)")
    paper = "getComputedStyle(document.querySelector('.paper')).fill"
    before = page.js(paper)
    page.click("theme")
    assert page.js(paper) != before
    page.browser.execute_script(
        "const m = document.getElementById('method'); m.value = 'loss'; m.dispatchEvent(new Event('change'))"
    )
    page.redrawn()
    assert "cross_entropy" in page.titles()


def test_shape_labels_do_not_overlap(page: Page) -> None:
    page.click("open")
    page.redrawn()
    boxes = page.js(
        "[...document.querySelectorAll('.type')].map((t) => { const b = t.getBBox(); return [b.x, b.y, b.width, b.height]; })"
    )
    assert len(boxes) > 15
    for i, (x, y, w, h) in enumerate(boxes):
        for a, b, c, d in boxes[i + 1 :]:
            assert x + w <= a or a + c <= x or y + h <= b or b + d <= y


@pytest.mark.long
def test_a_thousand_layers_are_drawn_in_two_seconds(browser: Any, tmp_path: Path) -> None:
    layers = "\n".join(f"        fc{i} = Linear(width, width)" for i in range(1000))
    runs = "\n".join(
        f"        x = x -> {' -> '.join(f'fc{i}' for i in range(k, k + 10))}" for k in range(0, 1000, 10)
    )
    spec = tmp_path / "long.nnspec"
    spec.write_text(
        f"model Long(width: int = 8):\n    layers:\n{layers}\n\n"
        f"    forward(x: float[N, width]) -> float[N, width]:\n{runs}\n        return x\n"
    )
    assert specc(spec, "-o", tmp_path / "long.html").returncode == 0
    shown = Page(browser, (tmp_path / "long.html").as_uri())
    assert shown.js("document.querySelectorAll('.node').length") == 1002
    took = [int(shown.js("document.body.dataset.took"))]
    for _ in range(2):  # one of three: the machine may be busy
        shown.click("open")
        shown.redrawn()
        took.append(int(shown.js("document.body.dataset.took")))
    assert min(took) < 2000


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A spec, and the address at which it is shown."""
    spec = tmp_path / "net.nnspec"
    spec.write_text(SPEC)
    command = [sys.executable, "-m", "spec_lang", "view", str(spec)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    address = re.search(r"http://127\.0\.0\.1:\d+/", process.stderr.readline())
    assert address is not None
    yield spec, address[0]
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


SPEC = "model Net:\n    layers:\n        fc = Linear(4, 4)\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return fc(x)\n"


def test_the_server_follows_the_spec(browser: Any, served: tuple[Path, str]) -> None:
    spec, address = served
    shown = Page(browser, address)
    spec.write_text(SPEC.replace("fc(x)", "fc(x) -> relu"))
    shown.redrawn()
    assert "relu" in shown.titles()
    spec.write_text(SPEC.replace("Linear(4, 4)", "Linear(4, 5)"))
    problem = until(lambda: shown.js("document.getElementById('problems').textContent"))
    assert "E0308" in problem
    assert "fc" in shown.titles()
    assert shown.js("document.querySelectorAll('.line.wrong').length") >= 1
    spec.write_text(SPEC)
    until(lambda: shown.js("document.getElementById('problems').hidden"))


def test_the_server_answers_its_own_address_alone(served: tuple[Path, str]) -> None:
    _, address = served
    with urlopen(address) as answer:
        assert b"<!doctype html>" in answer.read()
    with pytest.raises(HTTPError, match="403"):
        urlopen(Request(address, headers={"Host": "evil.example"}))
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{address}../../etc/passwd")


def test_the_page_needs_no_network_and_no_spec_breaks_out_of_it(tmp_path: Path) -> None:
    spec = tmp_path / "net.nnspec"
    spec.write_text('"""</script><script>alert(1)</script>"""\n\n' + SPEC)
    assert specc(spec, "-o", tmp_path / "net.html").returncode == 0
    text = (tmp_path / "net.html").read_text()
    assert "<script>alert" not in text
    assert "connect-src 'none'" in text
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", text)


def test_svg() -> None:
    done = specc(GPT2, "--format", "svg", "--depth", "2")
    assert done.returncode == 0, done.stderr
    from xml.etree import ElementTree

    root = ElementTree.fromstring(done.stdout)
    words = {t.text for t in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"wte", "attn", "c_attn", "×12", "[N, T, 2304]", "3.54M·N·T FLOP"} <= words
    assert specc(GPT2, "--format", "svg", "--depth", "2").stdout == done.stdout


def test_usage(tmp_path: Path) -> None:
    assert "choose one with --model" in specc(ROOT / "models" / "resnet.nnspec", "--format", "mermaid").stderr
    for wrong in (("-o", "x.txt"), ("--format", "mermaid", "--depth", "two")):
        assert specc(GPT2, *wrong).returncode == 2
    wrong = specc(GPT2, "--format", "mermaid", "--dim", "Z=2")
    assert wrong.returncode == 2
    assert "no input has a dim Z; the inputs' dims are: N, T" in wrong.stderr
    assert "int[2, T]" in specc(GPT2, "--format", "mermaid", "--dim", "N=2").stdout
    missing = specc(GPT2, "--format", "mermaid", "--method", "decode")
    assert missing.returncode == 1
    assert "has no method decode" in missing.stderr
    copy = tmp_path / "net.svg"
    copy.write_text(SPEC)
    assert "is read, and would be overwritten" in specc(copy, "-o", copy, "--format", "mermaid").stderr


def test_check_and_compile_import_nothing_of_it() -> None:
    code = (
        "import sys\nfrom spec_lang.cli import cli\n"
        f"try: cli.main(['check', {str(GPT2)!r}], standalone_mode=False)\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith('spec_lang.view')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
