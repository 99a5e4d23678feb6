"""The files that a picture is drawn with: ours, and the layout library that the build puts beside them."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "page"


class Unbuilt(Exception):
    """The layout library is not there: this installation was made without the build's step."""

    def __init__(self) -> None:
        super().__init__(
            "the layout library of pictures is not in this installation: in a checkout, "
            "`python hatch_build.py` or `pip install -e .` fetches it (both need npm); `--format mermaid` needs none"
        )


def asset(name: str) -> str:
    """One file's text.

    Raises:
        Unbuilt: it is the layout library, and the build has not put it there.
    """
    try:
        return (_FOLDER / name).read_text("utf-8")
    except FileNotFoundError:
        if name.startswith("elk."):
            raise Unbuilt from None
        raise


def layout_library() -> str:
    """The library's script, which says whose it is and under which licence."""
    notice = (
        "elkjs, EPL-2.0 (https://www.eclipse.org/legal/epl-2.0); its source: https://github.com/kieler/elkjs"
    )
    return f"/* {notice} */\n{asset('elk.js')}"
