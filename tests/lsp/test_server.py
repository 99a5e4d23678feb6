"""The server as an editor drives it."""

import asyncio
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import LanguageClient

from spec_lang.lsp.tokens import TYPES
from tests.lsp.editor import ROUNDS, Editor

SPEC = '''"""Two layers."""


block Wide(width: int):
    """Widens, and comes back."""

    layers:
        up   = Linear(_, width)
        down = Linear(width, D)

    forward(x: float[N, D]) -> float[N, D]:
        hidden = x -> up -> relu
        return down(hidden)


model Net(dim: int = 8):
    layers:
        wide = Wide(4 * dim)

    forward(x: float[N, dim]) -> float[N, dim]:
        y = wide(x)
        return y + x
'''


@pytest.mark.asyncio
async def test_diagnostics_follow_what_is_typed(client: LanguageClient, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "net.nnspec", SPEC)
    await editor.diagnostics([])
    editor.replace("down(hidden)", "up(hidden)")
    (found,) = await editor.diagnostics(["E0313"])
    assert found.source == "specc"
    assert found.severity == types.DiagnosticSeverity.Error
    assert editor.text_at(found.range)
    editor.replace("up(hidden)", "down(hidden)")
    await editor.diagnostics([])
    editor.replace("y + x", "y + (x")
    (found,) = await editor.diagnostics(["E0101"])
    assert editor.text_at(found.range) == "("


@pytest.mark.asyncio
async def test_an_expectation_that_fails_is_found_when_typing_rests(
    client: LanguageClient, tmp_path: Path
) -> None:
    editor = Editor(client, tmp_path / "net.nnspec", SPEC + "\n    expect parameters == 1\n")
    (found,) = await editor.diagnostics(["E0604"])
    assert "1" in editor.text_at(found.range)


@pytest.mark.asyncio
async def test_mistakes_are_reported_in_the_file_that_has_them(
    client: LanguageClient, tmp_path: Path
) -> None:
    (tmp_path / "parts.nnspec").write_text(
        "block Part(n: int):\n    layers:\n        fc = Linear(_, m)\n\n    forward(x: float[N, n]) -> float[N, n]:\n        return fc(x)\n"
    )
    text = "from parts import Part\n\nmodel Net(n: int = 2):\n    layers:\n        p = Part(n)\n\n    forward(x: float[N, n]) -> float[N, n]:\n        return p(x)\n"
    net = Editor(client, tmp_path / "net.nnspec", text)
    await net.diagnostics([])
    other = (tmp_path / "parts.nnspec").as_uri()
    for _ in range(ROUNDS):  # files are told of one after the other
        if other in client.diagnostics:
            break
        await asyncio.sleep(0.05)
    assert [d.code for d in client.diagnostics[other]] == ["E0201"]
    # an unsaved change counts before what is on disk
    part = Editor(
        client, tmp_path / "parts.nnspec", (tmp_path / "parts.nnspec").read_text().replace("_, m", "_, n")
    )
    await part.diagnostics([])
    await net.diagnostics([])


@pytest.mark.asyncio
async def test_hints_are_the_shapes_for_all_values(client: LanguageClient, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "net.nnspec", SPEC)
    await editor.diagnostics([])
    whole = types.Range(types.Position(0, 0), types.Position(100, 0))
    found = await client.text_document_inlay_hint_async(types.InlayHintParams(editor.document, whole))
    assert found is not None
    shown = [(editor.text.split("\n")[h.position.line].strip(), h.position.character, h.label) for h in found]
    assert shown == [
        ("hidden = x -> up -> relu", 14, ": float[N, width]"),
        ("hidden = x -> up -> relu", 24, "float[N, width]"),
        ("y = wide(x)", 9, ": float[N, dim]"),
    ]
    # a definition that cannot be read leaves the hints of the others
    editor.replace("y + x", "y + (x")
    await editor.diagnostics(["E0101"])
    kept = await client.text_document_inlay_hint_async(types.InlayHintParams(editor.document, whole))
    assert kept is not None
    assert [h.label for h in kept] == [": float[N, width]", "float[N, width]"]


@pytest.mark.asyncio
async def test_hover_says_signature_documentation_and_shape(client: LanguageClient, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "net.nnspec", SPEC)
    await editor.diagnostics([])

    async def hover(words: str, inside: int = 0) -> str:
        found = await client.text_document_hover_async(
            types.HoverParams(editor.document, editor.at(words, inside))
        )
        assert found is not None
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value

    assert "Linear(in_features, out_features" in await hover("Linear(_, width)")
    block = await hover("Wide(4 * dim)")
    assert "block Wide(width: int)" in block
    assert "Widens, and comes back." in block
    assert "float[N, width]" in await hover("hidden = x")
    here = await hover("y = wide(x)")
    assert "float[N, dim]" in here
    assert "by default `float[N, 8]`" in here
    assert "relu(input" in await hover("relu")


@pytest.mark.asyncio
async def test_names_lead_to_their_definitions_and_uses(client: LanguageClient, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "net.nnspec", SPEC)
    await editor.diagnostics([])

    async def leads(words: str, inside: int = 0) -> tuple[int, int]:
        found = await client.text_document_definition_async(
            types.DefinitionParams(editor.document, editor.at(words, inside))
        )
        assert isinstance(found, list)
        (place,) = found
        assert isinstance(place, types.Location)
        return place.range.start.line, place.range.start.character

    def place(words: str) -> tuple[int, int]:
        at = editor.at(words)
        return at.line, at.character

    assert await leads("Wide(4 * dim)") == place("Wide(width")
    assert await leads("dim]:\n        y") == place("dim: int = 8")
    assert await leads("wide(x)") == place("wide = ")
    assert await leads("hidden)") == place("hidden = ")
    found = await client.text_document_references_async(
        types.ReferenceParams(types.ReferenceContext(True), editor.document, editor.at("width: int"))
    )
    assert found is not None
    assert len(found) == 3
    assert {editor.text_at(f.range) for f in found} == {"width"}


@pytest.mark.asyncio
async def test_outline_folds_and_format(client: LanguageClient, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "net.nnspec", SPEC.replace("y + x", "y+x"))
    await editor.diagnostics([])
    symbols = await client.text_document_document_symbol_async(types.DocumentSymbolParams(editor.document))
    assert symbols is not None
    names = {
        s.name: [c.name for c in s.children or ()] for s in symbols if isinstance(s, types.DocumentSymbol)
    }
    assert names == {"Wide": ["width", "up", "down", "forward"], "Net": ["dim", "wide", "forward"]}
    folds = await client.text_document_folding_range_async(types.FoldingRangeParams(editor.document))
    assert folds is not None
    lines = editor.text.split("\n")
    assert {lines[f.start_line].strip() for f in folds} >= {
        "block Wide(width: int):",
        "layers:",
        "model Net(dim: int = 8):",
    }
    edits = await client.text_document_formatting_async(
        types.DocumentFormattingParams(editor.document, types.FormattingOptions(4, True))
    )
    assert edits is not None
    (edit,) = edits
    assert edit.new_text == " + "[: len(edit.new_text)] or "+" in edit.new_text


@pytest.mark.asyncio
async def test_completion_knows_where_one_types(client: LanguageClient, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "net.nnspec", SPEC)
    await editor.diagnostics([])

    async def offered(old: str, new: str, inside: int) -> dict[str, types.CompletionItem]:
        editor.type(SPEC.replace(old, new, 1))
        found = await client.text_document_completion_async(
            types.CompletionParams(editor.document, editor.at(new, inside))
        )
        assert isinstance(found, list)
        return {item.label: item for item in found}

    layers = await offered("wide = Wide(4 * dim)", "wide = ", 7)
    assert {"Linear", "Wide", "Sequential", "dim"} <= layers.keys()
    assert "relu" not in layers
    shown = await client.completion_item_resolve_async(layers["Linear"])
    assert shown.detail is not None
    assert shown.detail.startswith("Linear(in_features, out_features")
    arguments = await offered("Linear(width, D)", "Linear(width, ", 14)
    assert arguments["bias="].detail == "true or false"
    own = await offered("Wide(4 * dim)", "Wide(", 5)
    assert own["width="].detail == "int"
    stages = await offered("x -> up -> relu", "x -> ", 5)
    assert {"up", "down", "relu"} <= stages.keys()
    assert "Linear" not in stages
    dims = await offered("y = wide(x)", "y: float[N, ", 12)
    assert {"N", "dim"} <= dims.keys()
    assert "relu" not in dims
    top = await offered("model Net(dim: int = 8):", "mo", 2)
    assert "model" in top


@pytest.mark.asyncio
async def test_signature_help_follows_the_arguments(client: LanguageClient, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "net.nnspec", SPEC)
    await editor.diagnostics([])

    async def helped(old: str, new: str, inside: int) -> tuple[str, str]:
        editor.type(SPEC.replace(old, new, 1))
        found = await client.text_document_signature_help_async(
            types.SignatureHelpParams(editor.document, editor.at(new, inside))
        )
        assert found is not None
        (one,) = found.signatures
        assert one.parameters is not None
        assert found.active_parameter is not None
        active = one.parameters[found.active_parameter].label
        assert isinstance(active, str)
        return one.label, active

    label, active = await helped("Linear(width, D)", "Linear(width, ", 14)
    assert label.startswith("Linear(in_features, out_features")
    assert active == "out_features"
    assert (await helped("Linear(width, D)", "Linear(width, bias=", 19))[1].startswith("bias")
    assert await helped("Wide(4 * dim)", "Wide(", 5) == ("Wide(width: int)", "width: int")
    assert (await helped("-> relu", "-> flatten(", 11))[1].startswith("start_dim")


@pytest.mark.asyncio
async def test_rename_changes_all_uses_and_nothing_that_would_not_check(
    client: LanguageClient, tmp_path: Path
) -> None:
    editor = Editor(client, tmp_path / "net.nnspec", SPEC)
    await editor.diagnostics([])

    async def renamed(words: str, new: str) -> str:
        found = await client.text_document_rename_async(
            types.RenameParams(editor.document, editor.at(words), new)
        )
        assert found is not None
        assert found.changes is not None
        lines = editor.text.split("\n")
        for edit in sorted(found.changes[editor.uri], key=lambda e: e.range.start, reverse=True):
            line, start, end = edit.range.start.line, edit.range.start.character, edit.range.end.character
            lines[line] = lines[line][:start] + edit.new_text + lines[line][end:]
        return "\n".join(lines)

    assert await renamed("Wide(4", "Broad") == SPEC.replace("Wide(", "Broad(")
    assert await renamed("hidden = x", "inner") == SPEC.replace("hidden", "inner")
    assert await renamed("dim: int", "size") == SPEC.replace("dim", "size")
    assert await renamed("D]", "E") == SPEC.replace("D", "E")
    with pytest.raises(JsonRpcException, match="would not check"):
        await renamed("up   =", "down")
    with pytest.raises(JsonRpcException, match="library"):
        await renamed("Linear(_", "Dense")


@pytest.mark.asyncio
async def test_names_are_coloured_and_models_counted(client: LanguageClient, tmp_path: Path) -> None:
    editor = Editor(client, tmp_path / "net.nnspec", SPEC)
    await editor.diagnostics([])
    found = await client.text_document_semantic_tokens_full_async(types.SemanticTokensParams(editor.document))
    assert found is not None
    lines, line, column, seen = editor.text.split("\n"), 0, 0, set()
    for down, right, length, kind, _ in zip(*[iter(found.data)] * 5, strict=True):
        line, column = line + down, right if down else column + right
        seen.add((lines[line][column : column + length], TYPES[kind]))
    assert seen == {
        ("Wide", "class"),
        ("width", "parameter"),
        ("up", "property"),
        ("Linear", "class"),
        ("down", "property"),
        ("D", "typeParameter"),
        ("forward", "method"),
        ("x", "variable"),
        ("N", "typeParameter"),
        ("hidden", "variable"),
        ("relu", "function"),
        ("Net", "class"),
        ("dim", "parameter"),
        ("wide", "property"),
        ("y", "variable"),
    }
    lenses = await client.text_document_code_lens_async(types.CodeLensParams(editor.document))
    assert lenses is not None
    (lens,) = lenses
    shown = await client.code_lens_resolve_async(lens)
    assert shown.command is not None
    assert shown.command.title == "552 parameters · 1.02K·N FLOPs"
    assert editor.text_at(lens.range) == "Net"


@pytest.mark.asyncio
async def test_columns_count_as_the_editor_counts_them(client: LanguageClient, tmp_path: Path) -> None:
    spec = SPEC.replace('"""Widens, and comes back."""', '"""𝔘nicode."""').replace(
        "y = wide(x)", "y = wide(z)  # 𝔘"
    )
    editor = Editor(
        client,
        tmp_path / "net.nnspec",
        spec.replace("    layers:\n        wide", "    layers:  # 𝔘𝔘\n        wide"),
    )
    (found,) = await editor.diagnostics(["E0201"])
    assert editor.text_at(found.range) == "z"
    editor.replace("(z)  # 𝔘", "(x)  # 𝔘𝔘")
    await editor.diagnostics([])


PARTS = """record Config:
    width: int = 8
    depth: int = 2


block Head(config: Config):
    layers:
        left = Linear(_, config.width)

    forward(x: float[N, D]) -> float[N, config.width]:
        return left(x)
"""
USER = """from parts import Config, Head


model Net(config: Config = Config(width=16)):
    layers:
        heads = [Head(config) for i in range(config.depth)]
        by    = {"left": Linear(_, 4), "right": Linear(_, 4, bias=false)}

    tie by["left"].weight = by["right"].weight

    init:
        Linear.bias = zeros()

    forward(x: float[N, 16]) -> (float[N, 4], float[N, 4]):
        y = heads[0](x)
        return by["left"](y), by["right"](y)
"""


@pytest.mark.asyncio
async def test_fields_of_records_are_named_across_files(client: LanguageClient, tmp_path: Path) -> None:
    (tmp_path / "parts.nnspec").write_text(PARTS)
    editor = Editor(client, tmp_path / "net.nnspec", USER.replace("heads[0](x)", "x -> heads"))
    await editor.diagnostics([])
    parts = (tmp_path / "parts.nnspec").as_uri()
    where = types.ReferenceParams(types.ReferenceContext(True), editor.document, editor.at("width=16"))
    found = await client.text_document_references_async(where)
    assert found is not None
    assert sorted((f.uri == parts, f.range.start.line) for f in found) == [
        (False, 3),
        (True, 1),
        (True, 7),
        (True, 9),
    ]
    head = await client.text_document_references_async(
        types.ReferenceParams(types.ReferenceContext(True), editor.document, editor.at("Head(config)"))
    )
    assert head is not None
    assert sorted((f.uri == parts, f.range.start.line) for f in head) == [(False, 0), (False, 5), (True, 5)]
    (defined,) = await client.text_document_definition_async(
        types.DefinitionParams(editor.document, editor.at("depth)]"))
    ) or [None]
    assert isinstance(defined, types.Location)
    assert (defined.uri, defined.range.start.line) == (parts, 2)
    renamed = await client.text_document_rename_async(
        types.RenameParams(editor.document, editor.at("width=16"), "size")
    )
    assert renamed is not None
    assert renamed.changes is not None
    assert {uri == parts: len(edits) for uri, edits in renamed.changes.items()} == {False: 1, True: 3}
    with pytest.raises(JsonRpcException, match="would not check"):
        await client.text_document_rename_async(
            types.RenameParams(editor.document, editor.at("width=16"), "depth")
        )


@pytest.mark.asyncio
async def test_keys_and_paths_are_completed(client: LanguageClient, tmp_path: Path) -> None:
    (tmp_path / "parts.nnspec").write_text(PARTS)
    editor = Editor(client, tmp_path / "net.nnspec", USER.replace("heads[0](x)", "x -> heads"))
    await editor.diagnostics([])
    text = editor.text

    async def offered(old: str, new: str) -> set[str]:
        editor.type(text.replace(old, new, 1))
        found = await client.text_document_completion_async(
            types.CompletionParams(editor.document, editor.at(new, len(new)))
        )
        assert isinstance(found, list)
        return {item.label for item in found}

    assert await offered('tie by["left"].weight', 'tie by["left"].') == {"weight", "bias"}
    assert await offered('by["right"].weight', 'by["right"].') == {"weight"}
    assert await offered('by["left"].weight', 'by["') == {"left", "right"}
    assert await offered("Linear.bias", "Linear.") == {"weight", "bias"}
    assert {"heads", "by", "Linear"} <= await offered("Linear.bias = zeros()", "heax")
    assert "left" in await offered('by["left"].weight', "heads[0].")
    assert await offered("config.depth", "config.") >= {"width", "depth"}


@pytest.mark.asyncio
async def test_mistakes_are_mended_by_their_fixes(client: LanguageClient, tmp_path: Path) -> None:
    """What an action writes is what the diagnostic says, and the spec checks with it."""
    mistakes = [
        ("E0202", "Linear(width, D)", "Linaer(width, D)", "write `Linear`", False),
        ("E0512", "Linear(width, D)", "Linear(width, D, bais=false)", "write `bias`", False),
        ("E0204", "dim: int", "dim: Int", "write `int`", True),
        ("E0201", "x -> up", "x -> self.up", "write `up`", True),
    ]
    editor = Editor(client, tmp_path / "net.nnspec", SPEC)
    for code, right, wrong, title, safe in mistakes:
        editor.type(SPEC.replace(right, wrong))
        (diagnostic,) = await editor.diagnostics([code])
        actions = await client.text_document_code_action_async(
            types.CodeActionParams(editor.document, diagnostic.range, types.CodeActionContext([diagnostic]))
        )
        assert actions, wrong
        action = actions[0]
        assert isinstance(action, types.CodeAction)
        assert action.kind == types.CodeActionKind.QuickFix
        assert (action.title, action.is_preferred) == (title, safe)
        assert action.diagnostics is not None
        assert action.diagnostics[0].code == diagnostic.code
        assert action.edit is not None
        assert action.edit.changes is not None
        lines = editor.text.split("\n")
        (edit,) = action.edit.changes[editor.uri]
        line = edit.range.start.line
        lines[line] = (
            lines[line][: edit.range.start.character]
            + edit.new_text
            + lines[line][edit.range.end.character :]
        )
        editor.type("\n".join(lines))
        await editor.diagnostics([])
        far = types.Range(types.Position(0, 0), types.Position(0, 0))
        none = await client.text_document_code_action_async(
            types.CodeActionParams(editor.document, far, types.CodeActionContext([]))
        )
        assert not none
