"""The language server: what the editor says and asks, by one worker that checks while the editor goes on."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from spec_lang import __version__
from spec_lang.compiler import DEPTH
from spec_lang.diagnostics import Diagnostic, Label, Source, Span
from spec_lang.lsp import (
    actions,
    completion,
    diagnostics,
    formatting,
    hints,
    hover,
    lenses,
    navigation,
    outline,
    renaming,
    signatures,
    tokens,
)
from spec_lang.lsp.analysis import Analysis
from spec_lang.lsp.names import Names
from spec_lang.lsp.positions import Positions
from spec_lang.lsp.project import Buffers, names_of
from spec_lang.lsp.view import View
from spec_lang.settings import BadSettings
from spec_lang.workspace import module_name, place_of, root_of

PAUSE = 0.02
"""Seconds that typing must rest before a check begins."""
REST = 0.3
"""Seconds that it must rest before what only the whole program shows is looked for."""
STACK = 512 * 2**20
"""Bytes of the worker's stack, which the deepest spec needs."""

Answer = TypeVar("Answer")


class Document:
    """One open file, as the server follows it."""

    def __init__(self, uri: str, path: str, root: Path) -> None:
        self.uri = uri
        self.path = path
        self.root = root
        self.analysis = Analysis(_module(path, root), lambda module: str(place_of(root, module)))
        self.view: View | None = None
        self.version: int | None = None
        self.changed = 0
        """Counts changes; a check that ends is of the one that it began with."""
        self.settled = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.published: set[str] = set()


def _module(path: str, root: Path) -> str:
    try:
        return module_name(Path(path), root)
    except ValueError:
        return "untitled"


class Server(LanguageServer):
    """`specc lsp`."""

    def __init__(self) -> None:
        super().__init__("specc", __version__, max_workers=1)
        self.buffers = Buffers()
        self.documents: dict[str, Document] = {}
        before = threading.stack_size(STACK)
        self.worker = ThreadPoolExecutor(1, "check")
        self.worker.submit(lambda: None).result()
        threading.stack_size(before)
        sys.setrecursionlimit(max(sys.getrecursionlimit(), DEPTH))

    # --- documents ---

    def opened(self, uri: str) -> None:
        path = to_fs_path(uri) if uri.startswith("file:") else uri
        assert path is not None
        try:
            root = root_of(Path(path)).absolute() if uri.startswith("file:") else Path.cwd()
        except BadSettings as error:
            self.window_show_message(types.ShowMessageParams(types.MessageType.Error, str(error)))
            root = Path(path).parent
        self.documents[uri] = Document(uri, path, root)
        self.changed(uri)

    def changed(self, uri: str) -> None:
        """A file's text is another: check it, and the open files that import it."""
        document = self.documents.get(uri)
        if document is None:
            return
        text = self.workspace.get_text_document(uri)
        self.buffers.texts[document.path] = text.source
        document.version = text.version
        for other in self.documents.values():
            if other is document or (other.view is not None and document.path in other.view.texts):
                self.check(other)

    def closed(self, uri: str) -> None:
        document = self.documents.pop(uri, None)
        if document is None:
            return
        self.buffers.texts.pop(document.path, None)
        if document.task is not None:
            document.task.cancel()
        document.settled.set()  # nobody waits for what does not come
        for name in document.published:
            self._publish(name)
        for other in self.documents.values():
            self.check(other)

    def check(self, document: Document) -> None:
        """Begin a check when typing rests; one that is under way goes on, and another follows it."""
        document.changed += 1
        document.settled.clear()
        if document.task is None or document.task.done():
            document.task = asyncio.get_running_loop().create_task(self._checks(document))

    async def _checks(self, document: Document) -> None:
        loop = asyncio.get_running_loop()
        while True:
            seen = -1
            while seen != document.changed:
                seen = document.changed
                await asyncio.sleep(PAUSE)
            version, text = document.version, self.buffers.texts[document.path]
            await loop.run_in_executor(self.worker, self._update, document, text)
            untested = not document.analysis.tested
            self._show(document, version)
            if document.changed != seen:
                continue
            document.settled.set()
            if untested:
                await asyncio.sleep(REST)
                if document.changed == seen:
                    await loop.run_in_executor(self.worker, self._test, document)
                    self._show(document, version)
            if document.changed == seen:
                return

    def _update(self, document: Document, text: str) -> None:
        """On the worker: check a state of a file."""
        root = document.root
        self._guarded(
            document,
            lambda: document.analysis.update(
                Source(document.path, text.removeprefix("\ufeff")), lambda m: self.buffers.find(root, m)
            ),
        )

    def _test(self, document: Document) -> None:
        self._guarded(document, document.analysis.test)

    def cost(self, document: Document, name: str) -> str:
        """On the worker: what the lens of a model says."""
        self._guarded(document, document.analysis.test)
        return lenses.said(document.analysis.costs(name))

    def _guarded(self, document: Document, work: Callable[[], None]) -> None:
        """A mistake of specc's own is told, and the server goes on."""
        try:
            work()
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            source = Source(document.path, self.buffers.texts.get(document.path, ""))
            what = f"specc itself failed ({type(error).__name__}: {error}); please report it with this file"
            document.analysis = Analysis(document.analysis.name, document.analysis.place)
            document.analysis.tested = True
            document.analysis.diagnostics = [Diagnostic("E0123", what, Label(source, Span(0, 0)))]

    def _show(self, document: Document, version: int | None) -> None:
        """Keep what a check came to for those who ask, and publish its diagnostics."""
        analysis = document.analysis
        if document.path in analysis.texts:
            document.view = View(
                document.path,
                dict(analysis.texts),
                dict(analysis.checked),
                list(analysis.diagnostics),
                version,
                self.encoding,
            )
        found = set() if document.view is None else set(document.view.texts)
        for name in found | document.published:
            self._publish(name)
        document.published = found
        if self._refreshes_hints():
            self.workspace_inlay_hint_refresh(None)

    def _publish(self, name: str) -> None:
        """The diagnostics of a file: its own where it is open, else those that the files that import it have found."""
        shown: list[types.Diagnostic] = []
        owner = next((d for d in self.documents.values() if d.path == name), None)
        for document in self.documents.values() if owner is None else (owner,):
            if document.view is not None:
                found = diagnostics.published(document.view).get(name, [])
                shown += [d for d in found if d not in shown]
        uri = diagnostics.uri_of(name) if owner is None else owner.uri
        version = None if owner is None or owner.view is None else owner.view.version
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, shown, version))

    # --- who asks ---

    @property
    def encoding(self) -> str:
        chosen = self.server_capabilities.position_encoding
        return "utf-16" if chosen is None else str(getattr(chosen, "value", chosen))

    def _refreshes_hints(self) -> bool:
        told = self.client_capabilities.workspace
        return bool(told and told.inlay_hint and told.inlay_hint.refresh_support)

    async def view(self, uri: str) -> tuple[Document, View] | None:
        """A file as it is when what was typed has been checked; None where it cannot be read at all."""
        document = self.documents.get(uri)
        if document is None:
            return None
        await document.settled.wait()
        return None if document.view is None else (document, document.view)

    def names(self, document: Document, view: View) -> Names:
        return names_of(view.text, document.root, dict(view.texts))

    def positions(self, document: Document) -> Positions:
        """How to count in a file's text as it is now."""
        return Positions(Source(document.path, self.buffers.texts[document.path]), self.encoding)


def make() -> Server:
    """A server with all that it answers."""
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_news)
    server = Server()
    _documents(server)
    _reading(server)
    _writing(server)
    return server


def _is_news(record: logging.LogRecord) -> bool:
    """Whether what pygls logs is more than an answer that says why something cannot be done."""
    return not (record.exc_info and isinstance(record.exc_info[1], JsonRpcException))


def _documents(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.opened(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.changed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def watched(params: types.DidChangeWatchedFilesParams) -> None:
        for document in server.documents.values():
            server.check(document)


def _reading(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def inlay_hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        found = await server.view(params.text_document.uri)
        return [] if found is None else hints.hints(found[1], params.range.start.line, params.range.end.line)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hovered(params: types.HoverParams) -> types.Hover | None:
        found = await server.view(params.text_document.uri)
        if found is None:
            return None
        document, view = found
        return hover.hover(view, server.names(document, view), view.positions.offset(params.position))

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def defined(params: types.DefinitionParams) -> list[types.Location]:
        found = await server.view(params.text_document.uri)
        if found is None:
            return []
        document, view = found
        offset = view.positions.offset(params.position)
        return navigation.definition(view, server.names(document, view), offset)

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    async def used(params: types.ReferenceParams) -> list[types.Location]:
        found = await server.view(params.text_document.uri)
        if found is None:
            return []
        document, view = found
        offset = view.positions.offset(params.position)
        name = navigation.at(view, server.names(document, view), offset)
        if name is None:
            return []
        declared = params.context.include_declaration
        return navigation.references(view, document.root, server.buffers, name.symbol, declared)

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def symbols(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        found = await server.view(params.text_document.uri)
        return [] if found is None else outline.symbols(found[1])

    @server.feature(types.TEXT_DOCUMENT_FOLDING_RANGE)
    async def folds(params: types.FoldingRangeParams) -> list[types.FoldingRange]:
        found = await server.view(params.text_document.uri)
        return [] if found is None else outline.folds(found[1])

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    async def formatted(params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return []
        positions = server.positions(document)
        return formatting.formatted(positions.source, positions)


def _writing(server: Server) -> None:
    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION,
        types.CompletionOptions(trigger_characters=[".", ">", "[", '"'], resolve_provider=True),
    )
    async def completed(params: types.CompletionParams) -> list[types.CompletionItem]:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return []
        text = server.positions(document)
        names = None if document.view is None else server.names(document, document.view)
        offset = text.offset(params.position)
        return completion.complete(document.view, names, document.root, text.source.text, offset)

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    async def resolved(item: types.CompletionItem) -> types.CompletionItem:
        return completion.resolve(item)

    @server.feature(
        types.TEXT_DOCUMENT_SIGNATURE_HELP, types.SignatureHelpOptions(trigger_characters=["(", ","])
    )
    async def signed(params: types.SignatureHelpParams) -> types.SignatureHelp | None:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            return None
        text = server.positions(document)
        names = None if document.view is None else server.names(document, document.view)
        return signatures.help_at(document.view, names, text.source.text, text.offset(params.position))

    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    async def renamable(params: types.PrepareRenameParams) -> types.Range | None:
        found = await server.view(params.text_document.uri)
        if found is None:
            return None
        document, view = found
        offset = view.positions.offset(params.position)
        name = navigation.at(view, server.names(document, view), offset)
        definition = view.definition_at(offset)
        if name is None or definition is None or name.symbol.kind == "library":
            return None
        return view.positions.span(name.span, view.text.start_of(definition))

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    async def renamed(params: types.RenameParams) -> types.WorkspaceEdit | None:
        found = await server.view(params.text_document.uri)
        if found is None:
            return None
        document, view = found
        name = navigation.at(view, server.names(document, view), view.positions.offset(params.position))
        if name is None:
            raise JsonRpcException("there is no name here", code=int(types.LSPErrorCodes.RequestFailed))
        try:
            return await asyncio.get_running_loop().run_in_executor(
                server.worker,
                renaming.rename,
                view,
                document.root,
                server.buffers,
                name.symbol,
                params.new_name,
            )
        except renaming.Refused as refused:
            raise JsonRpcException(str(refused), code=int(types.LSPErrorCodes.RequestFailed)) from None

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions([types.CodeActionKind.QuickFix]))
    async def acted(params: types.CodeActionParams) -> list[types.CodeAction]:
        found = await server.view(params.text_document.uri)
        return [] if found is None else actions.actions(found[1], params.range)

    @server.feature(types.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, tokens.LEGEND)
    async def coloured(params: types.SemanticTokensParams) -> types.SemanticTokens:
        found = await server.view(params.text_document.uri)
        if found is None:
            return types.SemanticTokens([])
        document, view = found
        return tokens.tokens(view, server.names(document, view))

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS, types.CodeLensOptions(resolve_provider=True))
    async def lensed(params: types.CodeLensParams) -> list[types.CodeLens]:
        found = await server.view(params.text_document.uri)
        return [] if found is None else lenses.lenses(found[1], params.text_document.uri)

    @server.feature(types.CODE_LENS_RESOLVE)
    async def counted(lens: types.CodeLens) -> types.CodeLens:
        asked: Any = lens.data
        document = server.documents.get(asked["uri"])
        if document is None:
            return lens
        await document.settled.wait()
        title = await asyncio.get_running_loop().run_in_executor(
            server.worker, server.cost, document, str(asked["model"])
        )
        return types.CodeLens(lens.range, types.Command(title, ""), lens.data)
