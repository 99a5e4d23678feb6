"use strict";
// The page around a picture: opening and closing, search, the source beside it, light and dark, what a server says.

(() => {
  const $ = (id) => document.getElementById(id);
  const elk = new ELK();
  let content = JSON.parse($("data").textContent);
  let graph, byId, result, chosen = null, found = [], at = -1, names = false, drawing = 0;
  const view = { x: 0, y: 0, scale: 1 };
  const opened = new Map(); // what is open, by the names that boxes keep when the spec changes; by method

  // --- What is drawn ---------------------------------------------------------------------------

  function take(method) {
    graph = content.graphs.find((g) => g.method === method) ?? content.graphs[0];
    byId = new Map(graph.nodes.map((n) => [n.id, n]));
    const counts = new Map();
    for (const n of graph.nodes) {
      const above = n.parent === undefined ? "" : byId.get(n.parent).key;
      const own = `${above}/${n.title}`;
      counts.set(own, (counts.get(own) ?? 0) + 1);
      n.key = `${own}#${counts.get(own)}`;
    }
    if (!opened.has(graph.method)) {
      const first = graph.nodes.filter((n) => SpeccDraw.isGroup(n) && n.kind !== "branch" && n.parent === undefined);
      const start = new Set(graph.nodes.filter(isSlim).map((n) => n.key));
      if (first.length === 1 || graph.nodes.length < 60) for (const n of first) start.add(n.key);
      opened.set(graph.method, start);
    }
    $("title").innerHTML = `${SpeccDraw.escape(graph.model)}<small>${SpeccDraw.escape(content.files[0]?.path.split("/").pop() ?? "")}</small>`;
    document.title = graph.model;
    const select = $("method");
    select.replaceChildren(...content.graphs.map((g) => new Option(g.method, g.method, false, g === graph)));
    select.hidden = content.graphs.length < 2;
  }

  const isSlim = (n) => n.kind === "branch" || n.kind === "loop";
  const isOpen = (n) => opened.get(graph.method).has(n.key);
  const openIds = () => new Set(graph.nodes.filter((n) => SpeccDraw.isGroup(n) && isOpen(n)).map((n) => n.id));

  function* above(node) {
    for (let n = node; n.parent !== undefined; ) yield (n = byId.get(n.parent));
  }

  const shown = (node) => result.view.stands.get(node.id);
  const element = (id) => $("picture").querySelector(`.node[data-id="${id}"]`);

  async function draw(keep = null) {
    const mine = ++drawing;
    const before = keep !== null ? element(keep)?.getBoundingClientRect() : null;
    const started = performance.now();
    let laid;
    try {
      laid = await SpeccDraw.layout(elk, graph, openIds(), { names });
    } catch (error) {
      const item = document.createElement("p");
      item.textContent = `This cannot be laid out with so much of it open (${error}): close some blocks.`;
      $("problems").hidden = false;
      $("problems").append(item);
      return;
    }
    if (mine !== drawing) return;
    result = laid;
    $("picture").innerHTML = SpeccDraw.svg(laid, { title: graph.model });
    place();
    const after = before ? element(keep)?.getBoundingClientRect() : null;
    if (after) {
      view.x += before.left - after.left;
      view.y += before.top - after.top;
      place();
    } else if (keep === null) fit();
    mark();
    document.body.dataset.drawn = String(mine);
    document.body.dataset.took = String(Math.round(performance.now() - started));
  }

  // --- Moving ----------------------------------------------------------------------------------

  const svg = () => $("picture").querySelector("svg");

  function place() {
    svg().style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  }

  function fit(whole = false) {
    const room = $("picture").getBoundingClientRect();
    const w = result.laid.width, h = result.laid.height;
    const all = Math.min(room.width / w, room.height / h);
    view.scale = whole ? Math.min(all, 1) : Math.min(1, Math.max(all, Math.min(room.width / w, 0.8)));
    view.x = (room.width - w * view.scale) / 2;
    view.y = Math.max(0, (room.height - h * view.scale) / 2);
    place();
  }

  function zoom(factor, x, y) {
    const next = Math.min(4, Math.max(0.02, view.scale * factor));
    view.x = x - ((x - view.x) * next) / view.scale;
    view.y = y - ((y - view.y) * next) / view.scale;
    view.scale = next;
    place();
  }

  function bring(id) {
    const box = element(id)?.getBoundingClientRect(), room = $("picture").getBoundingClientRect();
    if (!box) return;
    if (view.scale < 0.5) zoom(0.8 / view.scale, box.left - room.left, box.top - room.top);
    const now = element(id).getBoundingClientRect();
    view.x += room.left + room.width / 2 - (now.left + now.width / 2);
    view.y += room.top + Math.min(room.height / 2, room.height * 0.3 + now.height / 2) - (now.top + Math.min(now.height, room.height) / 2);
    place();
  }

  $("picture").addEventListener("wheel", (event) => {
    event.preventDefault();
    const room = $("picture").getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY / 150), event.clientX - room.left, event.clientY - room.top);
    else { view.x -= event.deltaX; view.y -= event.deltaY; place(); }
  }, { passive: false });

  let drag = null;
  $("picture").addEventListener("pointerdown", (event) => { drag = { x: event.clientX, y: event.clientY, moved: false }; });
  addEventListener("pointermove", (event) => {
    if (!drag) return;
    const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    Object.assign(drag, { x: event.clientX, y: event.clientY, moved: true });
    $("picture").classList.add("moving");
    view.x += dx; view.y += dy;
    place();
  });
  addEventListener("pointerup", () => {
    $("picture").classList.remove("moving");
    const moved = drag?.moved;
    drag = null;
    if (moved) addEventListener("click", (e) => e.stopPropagation(), { capture: true, once: true });
  });

  // --- Choosing --------------------------------------------------------------------------------

  $("picture").addEventListener("click", async (event) => {
    const target = event.target.closest(".node");
    if (!target) { choose(null); return; }
    const node = byId.get(Number(target.dataset.id));
    if (SpeccDraw.isGroup(node) && (event.target.closest(".arrow") || chosen === node || event.detail > 1)) await toggle(node);
    else choose(node);
  });
  $("picture").addEventListener("dblclick", (event) => event.preventDefault());

  async function toggle(node) {
    const open = opened.get(graph.method);
    if (open.has(node.key)) open.delete(node.key);
    else {
      open.add(node.key);
      for (const n of graph.nodes) if (isSlim(n) && [...above(n)].includes(node)) open.add(n.key);
    }
    await draw(node.id);
  }

  async function reveal(node) {
    const hidden = [...above(node)].filter((n) => !isOpen(n));
    if (hidden.length) {
      for (const n of hidden) opened.get(graph.method).add(n.key);
      await draw(node.id);
    }
    bring(node.id);
  }

  function choose(node) {
    chosen = node;
    about(node);
    mark();
    if (node?.span) showSource(node.file ?? 0, node.span);
  }

  function mark() {
    const picture = $("picture");
    for (const e of picture.querySelectorAll(".chosen, .found, .near")) e.classList.remove("chosen", "found", "near");
    for (const n of found) element(shown(n))?.classList.add("found");
    if (!chosen) return;
    const id = shown(chosen);
    element(id)?.classList.add("chosen");
    for (const e of picture.querySelectorAll(`.edge[data-source="${id}"], .edge[data-target="${id}"]`)) e.classList.add("near");
  }

  const table = (rows) => `<dl>${rows.map(([k, v]) => `<dt>${SpeccDraw.escape(k)}</dt><dd>${SpeccDraw.escape(v)}</dd>`).join("")}</dl>`;
  const work = (of) => (of.flops && of.flops !== of.all_flops ? `${of.flops}  =  ${of.all_flops}` : of.all_flops);

  function about(node) {
    const e = SpeccDraw.escape;
    if (!node) {
      const total = graph.nodes.filter((n) => n.parent === undefined).length;
      const facts = [["parameters", graph.parameters.toLocaleString("en")], ["FLOPs", work(graph)]];
      $("about").innerHTML = `<h2>${e(graph.model)}</h2><div>${total} parts; click one to see what it is, twice to open it.</div>` + table(facts);
      return;
    }
    const rows = [];
    if (node.path) rows.push(["path", node.path]);
    if (node.parameters) {
      const n = node.parameters.toLocaleString("en");
      rows.push(["parameters", node.count > 1 ? `${node.count} × ${n} = ${(node.count * node.parameters).toLocaleString("en")}` : n]);
    }
    if (node.all_flops) rows.push(["FLOPs", node.count > 1 ? `${work(node)} each` : work(node)]);
    if (node.count > 1) rows.push(["count", `${node.count}, one behind the other`]);
    const within = (id) => id === node.id || [...above(byId.get(id))].includes(node);
    const flow = (edges) => [...new Set(edges.map((x) => (x.names && x.names !== x.type ? `${x.type}  =  ${x.names}` : x.type)))];
    for (const t of flow(graph.edges.filter((x) => within(x.target) && !within(x.source)))) rows.push(["takes", t]);
    for (const t of flow(graph.edges.filter((x) => within(x.source) && !within(x.target)))) rows.push(["gives", t]);
    $("about").innerHTML = `<h2>${e(node.title)}</h2><code>${e(node.detail ?? node.kind)}</code>` +
      table(rows) +
      (node.notes ? `<ul>${node.notes.map((n) => `<li>${e(n)}</li>`).join("")}</ul>` : "");
  }

  // --- The source ------------------------------------------------------------------------------

  let file = -1;

  function showFile(index) {
    if (file === index) return;
    file = index;
    const starts = [0];
    const text = content.files[index].text;
    for (let i = 0; i < text.length; i++) if (text[i] === "\n") starts.push(i + 1);
    $("source").replaceChildren(...text.split("\n").map((line, i) => {
      const row = document.createElement("div");
      row.className = "line";
      row.dataset.from = starts[i];
      row.dataset.to = starts[i] + line.length;
      const number = document.createElement("span");
      number.className = "number";
      number.textContent = i + 1;
      row.append(number, line || " ");
      return row;
    }));
    $("files").replaceChildren(...(content.files.length < 2 ? [] : content.files.map((f, i) => {
      const button = document.createElement("button");
      button.textContent = f.path.split("/").pop();
      button.title = f.path;
      button.setAttribute("aria-pressed", String(i === index));
      button.onclick = () => showFile(i);
      return button;
    })));
    markProblems();
  }

  function showSource(index, [from, to]) {
    if (!content.files[index]) return;
    showFile(index);
    let first = null;
    for (const row of $("source").children) {
      const marked = Number(row.dataset.from) < Math.max(to, from + 1) && Number(row.dataset.to) >= from;
      row.classList.toggle("marked", marked);
      first ??= marked ? row : null;
    }
    first?.scrollIntoView({ block: "center" });
  }

  $("source").addEventListener("click", async (event) => {
    const row = event.target.closest(".line");
    if (!row) return;
    const from = Number(row.dataset.from), to = Number(row.dataset.to);
    const on = graph.nodes.filter((n) => (n.file ?? 0) === file && n.span && n.span[0] <= to && n.span[1] >= from);
    const starting = on.filter((n) => n.span[0] >= from);
    const candidates = starting.length ? starting : on;
    if (!candidates.length) return;
    const size = (n) => n.span[1] - n.span[0];
    const best = candidates.reduce((a, b) => (size(b) < size(a) ? b : a));
    await reveal(best);
    choose(best);
  });

  // --- Search ----------------------------------------------------------------------------------

  function search() {
    const wanted = $("search").value.trim().toLowerCase();
    found = [];
    at = -1;
    if (wanted) {
      const shapes = new Map();
      for (const e of graph.edges) shapes.set(e.source, `${shapes.get(e.source) ?? ""} ${e.type} ${e.names ?? ""}`);
      found = graph.nodes.filter((n) => `${n.title} ${n.detail ?? ""} ${n.path ?? ""} ${(n.notes ?? []).join(" ")} ${shapes.get(n.id) ?? ""}`.toLowerCase().includes(wanted));
    }
    $("found").textContent = wanted ? `${found.length} found` : "";
    mark();
  }

  async function step(by) {
    if (!found.length) return;
    at = (at + by + found.length) % found.length;
    $("found").textContent = `${at + 1} of ${found.length}`;
    await reveal(found[at]);
    choose(found[at]);
  }

  $("search").addEventListener("input", search);
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") { $("search").value = ""; search(); }
  });

  // --- The bar ---------------------------------------------------------------------------------

  $("open").onclick = () => { for (const n of graph.nodes) if (SpeccDraw.isGroup(n)) opened.get(graph.method).add(n.key); return draw(); };
  $("close").onclick = () => { opened.set(graph.method, new Set(graph.nodes.filter(isSlim).map((n) => n.key))); return draw(); };
  $("fit").onclick = () => fit(true);
  $("print").onclick = () => print();
  $("names").onclick = () => { names = !names; $("names").setAttribute("aria-pressed", String(names)); return draw(chosen ? shown(chosen) : undefined); };
  $("method").onchange = () => { take($("method").value); chosen = null; about(null); search(); return draw(); };
  addEventListener("keydown", (event) => {
    if (event.target.closest("input, select")) return;
    if (event.key === "/") { event.preventDefault(); $("search").focus(); }
    if (event.key === "0") fit(true);
    if (event.key === "+" || event.key === "-") { const r = $("picture").getBoundingClientRect(); zoom(event.key === "+" ? 1.25 : 0.8, r.width / 2, r.height / 2); }
    if (event.key === "Enter" && chosen && SpeccDraw.isGroup(chosen)) toggle(chosen);
  });

  const DARK = [...document.styleSheets].flatMap((s) => [...s.cssRules]).filter((r) => r instanceof CSSMediaRule && r.media.mediaText.includes("dark"));
  function theme(wanted) {
    for (const rule of DARK) rule.media.mediaText = wanted === "dark" ? "screen" : "not all";
    document.documentElement.style.colorScheme = wanted;
    document.documentElement.dataset.theme = wanted;
  }
  $("theme").onclick = () => {
    const now = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    theme(now === "dark" ? "light" : "dark");
  };

  // --- What a server says ------------------------------------------------------------------------

  function markProblems() {
    for (const row of $("source").children) row.classList.remove("wrong");
    for (const p of content.problems) {
      if (content.files[file]?.path === p.path) $("source").children[p.line - 1]?.classList.add("wrong");
    }
  }

  function showProblems() {
    const list = $("problems");
    list.hidden = !content.problems.length;
    list.replaceChildren(...content.problems.map((p) => {
      const item = document.createElement("pre");
      item.textContent = p.text;
      item.onclick = () => {
        const index = content.files.findIndex((f) => f.path === p.path);
        if (index >= 0) { showFile(index); $("source").children[p.line - 1]?.scrollIntoView({ block: "center" }); }
      };
      return item;
    }));
    markProblems();
  }

  async function refresh() {
    const fresh = await (await fetch("data")).json();
    const drawn = fresh.graphs.length > 0;
    content = { ...fresh, graphs: drawn ? fresh.graphs : content.graphs };
    const kept = chosen?.key;
    file = -1;
    showFile(0);
    showProblems();
    if (!drawn) return;
    take(graph.method);
    chosen = graph.nodes.find((n) => n.key === kept) ?? null;
    about(chosen);
    search();
    await draw(undefined);
  }

  if (content.live) new EventSource("changes").onmessage = refresh;

  showFile(0);
  showProblems();
  if (content.graphs.length) {
    take(content.graphs[0].method);
    about(null);
    draw();
  }
})();
