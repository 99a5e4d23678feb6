"use strict";
// A graph as an SVG text. It runs in the page and, for `--format svg`, outside any browser: nothing here asks for a document.

const SpeccDraw = (() => {
  const GROUPS = new Set(["block", "list", "loop", "function", "branch"]);
  const TONES = {
    convolution: "blue", transposed_convolution: "blue", signal: "blue",
    linear: "indigo", matmul: "indigo", einsum: "indigo", distance: "indigo",
    norm: "green", batch_norm: "green", instance_norm: "green",
    activations: "orange", softmax: "orange",
    pooling: "teal", adaptive_pooling: "teal", unpooling: "teal", resampling: "teal", padding: "teal",
    attention: "violet", transformer: "violet", transformer_layers: "violet",
    recurrent: "brown", recurrent_cells: "brown",
    embedding: "pink", losses: "red", dropout: "grey", extern: "brown",
  };
  // Advance widths of printable ASCII in Helvetica and what is metric-compatible with it, in thousandths of an em.
  const ADVANCES = [278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333,
    556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722,
    500, 500, 500, 334, 260, 334, 584];
  const BOLD = 1.07;
  const LAYOUT = {
    "elk.algorithm": "layered",
    "elk.direction": "DOWN",
    "elk.edgeRouting": "ORTHOGONAL",
    "elk.hierarchyHandling": "INCLUDE_CHILDREN",
    "elk.json.edgeCoords": "ROOT",
    "elk.json.shapeCoords": "ROOT",
    "elk.layered.spacing.nodeNodeBetweenLayers": "13",
    "elk.layered.spacing.edgeNodeBetweenLayers": "10",
    "elk.spacing.edgeLabel": "1",
    "elk.layered.edgeLabels.sideSelection": "ALWAYS_UP",
    "elk.spacing.nodeNode": "26",
    "elk.spacing.edgeNode": "14",
    "elk.spacing.edgeEdge": "12",
    "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
    "elk.layered.nodePlacement.favorStraightEdges": "true",
    "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
    "elk.layered.cycleBreaking.strategy": "MODEL_ORDER",
    "elk.layered.highDegreeNodes.treatment": "false",
    "elk.padding": "[top=16,left=16,bottom=16,right=16]",
  };

  // What is quick, and needs no deep recursion, where there is much.
  const MUCH = 250;
  const QUICK = {
    "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
    "elk.layered.layering.strategy": "LONGEST_PATH",
    "elk.layered.thoroughness": "1",
    "elk.layered.crossingMinimization.greedySwitch.type": "OFF",
  };

  function width(text, size, { bold = false, mono = false } = {}) {
    if (mono) return [...text].length * size * 0.602;
    let sum = 0;
    for (const c of text) sum += ADVANCES[c.codePointAt(0) - 32] ?? 600;
    return (sum / 1000) * size * (bold ? BOLD : 1);
  }

  function fit(text, size, room, style) {
    if (width(text, size, style) <= room) return text;
    let cut = [...text];
    while (cut.length > 1 && width(cut.join("") + "…", size, style) > room) cut.pop();
    return cut.join("") + "…";
  }

  const escape = (text) =>
    String(text).replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c]);

  const round = (x) => Math.round(x * 10) / 10;

  function count(n) {
    for (const [unit, size] of [["T", 1e12], ["B", 1e9], ["M", 1e6], ["K", 1e3]]) {
      if (n >= size) {
        const shown = n / size;
        return `${shown >= 100 ? shown.toFixed(0) : shown >= 10 ? shown.toFixed(1) : shown.toFixed(2)}${unit}`;
      }
    }
    return String(n);
  }

  const isGroup = (node) => GROUPS.has(node.kind);
  const tone = (node) =>
    node.kind === "tensor" ? "pink" : isGroup(node) ? "box" : TONES[node.family] ?? "plain";

  // The graph with only some boxes open: which node stands for each, and one edge for equal ones.
  function closed(graph, open) {
    const stands = new Map();
    const nodes = [];
    for (const n of graph.nodes) { // groups stand before what they hold
      const around = n.parent;
      if (around !== undefined && (stands.get(around) !== around || !open.has(around))) {
        stands.set(n.id, stands.get(around));
        continue;
      }
      stands.set(n.id, n.id);
      nodes.push(n);
    }
    const edges = new Map();
    for (const e of graph.edges) {
      const source = stands.get(e.source), target = stands.get(e.target);
      if (source === target) continue;
      const port = `${e.source}:${e.port}`;
      const key = `${port}>${target}`;
      if (!edges.has(key)) edges.set(key, { ...e, source, target, port, key });
    }
    return { nodes, edges: [...edges.values()], stands };
  }

  // --- Sizes ---------------------------------------------------------------------------------

  const MOST = 300;

  function measured(node, isOpen) {
    const badge = node.count > 1 ? `×${node.count}` : "";
    const numbers = node.parameters ? count(node.parameters) + (node.count > 1 ? " each" : "") : "";
    const marks = (node.notes ?? []).filter((n) => /^(tied|shared)/.test(n)).map((n) => n.split(":")[0]);
    const mark = [...new Set(marks)].join(", ");
    const work = node.flops ? `${node.flops} FLOP` : "";
    if (node.kind === "branch" || node.kind === "loop") {
      const title = fit(node.title, 11.5, MOST, { bold: true });
      return { form: "slim", title, badge, width: width(title, 11.5, { bold: true }) + 30 + (badge ? 40 : 0), height: 30 };
    }
    if (node.kind === "input" || node.kind === "output") {
      const detail = node.detail ?? "";
      const title = fit(node.title, 13, MOST, { bold: true });
      return { form: "end", title, detail, width: Math.max(64, width(title, 13, { bold: true }) + (detail ? width(detail, 11) + 8 : 0) + 32), height: 30 };
    }
    if (node.kind === "choice") {
      const title = fit(`${node.title}?`, 12, 220, { bold: true });
      return { form: "choice", title, width: width(title, 12, { bold: true }) + 44, height: 34 };
    }
    if (node.kind === "tensor") {
      const title = fit(node.title, 12, MOST, { bold: true });
      const detail = [node.detail, numbers].filter(Boolean).join(" ");
      return { form: "pill", title, detail, width: width(title, 12, { bold: true }) + width(detail, 11) + 34, height: 26, mark };
    }
    if (node.kind === "op") {
      if (node.title.length === 1) return { form: "round", title: node.title, width: 28, height: 28 };
      const title = fit(node.title, 12, MOST, { bold: true });
      const detail = [fit(node.detail ?? "", 11, 250), work].filter(Boolean).join("  ·  ");
      return { form: "pill", title, detail, width: width(title, 12, { bold: true }) + (detail ? width(detail, 11) + 8 : 0) + 26, height: 26, mark };
    }
    const title = fit(node.title, 13, MOST, { bold: true });
    const detail = fit(node.detail ?? "", 11, MOST);
    const right = [mark, badge, numbers].filter(Boolean);
    const room = right.reduce((sum, t) => sum + width(t, 11, { bold: true }) + 16, 0);
    const first = width(title, 13, { bold: true }) + room + 34 + (isGroup(node) ? 14 : 0);
    return {
      form: isGroup(node) ? (isOpen ? "open" : "closed") : "layer",
      title, detail, badge, numbers, mark, work,
      width: Math.max(first, width(detail, 11) + (work ? width(work, 11) + 18 : 0) + 32 + (isGroup(node) ? 14 : 0), 96),
      height: detail || work ? 44 : 32,
    };
  }

  // --- Layout --------------------------------------------------------------------------------

  const shapeOf = (edge, names) => ((names && edge.names) || edge.type).replace(/\bfloat(?=\[)/g, "");

  // Runs of nodes in one box, each with one edge in and one out: each is laid out as one node, a column.
  function columns(view, open) {
    const incoming = new Map(), outgoing = new Map();
    const add = (map, id, e) => map.get(id)?.push(e) ?? map.set(id, [e]);
    for (const e of view.edges) {
      add(incoming, e.target, e);
      add(outgoing, e.source, e);
    }
    const byId = new Map(view.nodes.map((n) => [n.id, n]));
    const single = (map, id) => (map.get(id)?.length ?? 0) <= 1;
    const simple = (n) => !(isGroup(n) && open.has(n.id)) && single(incoming, n.id) && single(outgoing, n.id);
    const head = new Map(), members = new Map();
    for (const n of view.nodes) {
      if (head.has(n.id) || !simple(n)) continue;
      const before = byId.get(incoming.get(n.id)?.[0].source);
      if (before && before.parent === n.parent && simple(before) && outgoing.get(before.id)?.[0].target === n.id) continue;
      const column = [n];
      for (let last = n; ; ) {
        const next = byId.get(outgoing.get(last.id)?.[0]?.target);
        if (!next || next.parent !== n.parent || !simple(next) || column.includes(next)) break;
        column.push(next);
        last = next;
      }
      if (column.length < 2) continue;
      for (const m of column) head.set(m.id, n.id);
      members.set(n.id, column.map((m) => ({ node: m, edge: incoming.get(m.id)?.[0] })));
    }
    return { head, members };
  }

  const GAP = 32;

  const labelled = (e, names) => {
    const whole = (e.label ? `${e.label}: ` : "") + shapeOf(e, names);
    const text = fit(whole, 10.5, 340, { mono: true });
    return { text, whole, width: width(text, 10.5, { mono: true }) + 8, height: 15 };
  };

  function column(parts, names) {
    const items = parts.map(({ node, edge }) => ({ node, edge, size: measured(node, false) }));
    const half = Math.max(...items.map((i) => i.size.width)) / 2;
    const labels = items.slice(1).map((i) => labelled(i.edge, names));
    const beside = Math.max(0, ...labels.map((l) => l.width + 4 - half)); // what the labels need beyond the widest node
    let y = 0;
    for (const [i, item] of items.entries()) {
      item.x = half + beside - item.size.width / 2;
      item.y = y;
      item.width = item.size.width;
      item.height = item.size.height;
      if (i) item.label = labels[i - 1];
      y += item.size.height + GAP;
    }
    return { items, width: 2 * (half + beside), height: y - GAP };
  }

  function toElk(view, open, names) {
    const made = new Map();
    const { head, members } = columns(view, open);
    const root = { id: "root", layoutOptions: LAYOUT, children: [], edges: [] };
    const fans = new Map();
    for (const e of view.edges) fans.set(e.port, (fans.get(e.port) ?? 0) + 1);
    for (const n of view.nodes) {
      if (head.has(n.id) && head.get(n.id) !== n.id) continue;
      const isOpen = isGroup(n) && open.has(n.id);
      const item = { id: `n${n.id}`, node: n, layoutOptions: {} };
      if (members.has(n.id)) {
        Object.assign(item, column(members.get(n.id), names));
      } else {
        item.size = measured(n, isOpen);
        if (isOpen) {
          item.children = [];
          item.layoutOptions["elk.padding"] = `[top=${item.size.height + 8},left=16,bottom=16,right=16]`;
          item.layoutOptions["elk.nodeSize.constraints"] = "MINIMUM_SIZE";
          item.layoutOptions["elk.contentAlignment"] = "[V_CENTER, H_CENTER]";
          item.layoutOptions["elk.nodeSize.minimum"] = `(${item.size.height},${item.size.width})`; // elkjs turns the picture for a layout downwards, but not this
        } else {
          item.width = item.size.width;
          item.height = item.size.height;
          if (item.size.form === "round") { // what it joins meets at one point, so that columns stay straight
            item.ports = [{ id: `in${n.id}`, width: 0, height: 0, layoutOptions: { "elk.port.side": "NORTH" } }];
            item.layoutOptions["elk.portConstraints"] = "FIXED_SIDE";
          }
        }
      }
      made.set(n.id, item);
      (n.parent === undefined ? root : made.get(n.parent)).children.push(item);
    }
    const ports = new Map(), entered = new Set();
    for (const e of view.edges) {
      const source = head.get(e.source) ?? e.source, target = head.get(e.target) ?? e.target;
      if (source === target) continue;
      const item = made.get(source);
      const first = !ports.has(e.port);
      if (first) {
        ports.set(e.port, `p${ports.size}`);
        if (fans.get(e.port) > 1 && !item.children) {
          (item.ports ??= []).push({ id: ports.get(e.port), width: 0, height: 0, layoutOptions: { "elk.port.side": "SOUTH" } });
          item.layoutOptions["elk.portConstraints"] = "FIXED_SIDE";
        }
      }
      const from = fans.get(e.port) > 1 && !item.children ? ports.get(e.port) : `n${source}`;
      const edge = { id: `e${root.edges.length}`, edge: e, sources: [from], targets: [made.get(target).size?.form === "round" ? `in${target}` : `n${target}`] };
      if (!entered.has(target)) edge.layoutOptions = { "elk.layered.priority.straightness": "10" }; // the first operand's way
      entered.add(target);
      if (first || e.label) edge.labels = [{ ...labelled(e, names), layoutOptions: { "elk.edgeLabels.placement": "CENTER" } }];
      root.edges.push(edge);
    }
    return root;
  }

  const ids = function* (item) {
    yield item.id;
    for (const p of item.ports ?? []) yield p.id;
    for (const c of item.children ?? []) yield* ids(c);
  };

  // A graph whose parts follow each other is laid out part by part: a part ends with a node that all which follows hangs on.
  function parts(root) {
    const place = new Map();
    for (const [i, item] of root.children.entries()) for (const id of ids(item)) place.set(id, i);
    const ends = root.edges.map((e) => [place.get(e.sources[0]), place.get(e.targets[0])]);
    const reaches = root.children.map(() => -1);
    for (const [from, to] of ends) reaches[from] = Math.max(reaches[from], to);
    const cuts = [];
    let reach = -1, size = 0;
    for (const [i, item] of root.children.entries()) {
      size += [...ids(item)].length;
      if (size > PART && reach <= i && !item.children && i < root.children.length - 1) {
        cuts.push(i);
        size = 0;
      }
      reach = Math.max(reach, reaches[i]);
    }
    cuts.push(root.children.length - 1);
    const made = [];
    let before = -1;
    for (const cut of cuts) {
      const first = Math.max(0, before);
      const children = root.children.slice(first, cut + 1);
      if (before >= 0) children[0] = { ...children[0], ports: children[0].ports?.map((p) => ({ ...p })) };
      const edges = root.edges.filter((_, i) => ends[i][0] >= first && ends[i][1] <= cut && ends[i][1] > before);
      made.push({ ...root, children, edges });
      before = cut;
    }
    return made;
  }

  const PART = 60;

  function move(item, dx, dy) {
    item.x += dx;
    item.y += dy;
    for (const c of item.children ?? []) move(c, dx, dy);
  }

  const quick = (part) =>
    part.children.reduce((sum, c) => sum + [...ids(c)].length, 0) > MUCH ? { ...part, layoutOptions: { ...LAYOUT, ...QUICK } } : part;

  // Parts that are laid out, each hanging on the last node of the one before it.
  function joined(laid) {
    const whole = { children: [], edges: [], width: 0, height: 0 };
    let last = null, left = 0;
    for (const part of laid) {
      const [head] = part.children;
      const [dx, dy] = last ? [last.x - head.x, last.y - head.y] : [0, 0];
      for (const c of part.children) move(c, dx, dy);
      for (const e of part.edges) {
        for (const s of e.sections ?? []) for (const p of [s.startPoint, ...(s.bendPoints ?? []), s.endPoint]) { p.x += dx; p.y += dy; }
        for (const l of e.labels ?? []) { l.x += dx; l.y += dy; }
      }
      whole.children.push(...(last ? part.children.slice(1) : part.children));
      whole.edges.push(...part.edges);
      left = Math.min(left, dx);
      whole.width = Math.max(whole.width, part.width + dx);
      whole.height = Math.max(whole.height, part.height + dy);
      last = part.children[part.children.length - 1];
    }
    for (const c of whole.children) move(c, -left, 0);
    for (const e of whole.edges) {
      for (const s of e.sections ?? []) for (const p of [s.startPoint, ...(s.bendPoints ?? []), s.endPoint]) p.x -= left;
      for (const l of e.labels ?? []) l.x -= left;
    }
    whole.width -= left;
    return whole;
  }

  async function layout(elk, graph, open, { names = false } = {}) {
    const view = closed(graph, open);
    const laid = [];
    for (const part of parts(toElk(view, open, names))) laid.push(await elk.layout(quick(part)));
    return { laid: joined(laid), view };
  }

  // --- Drawing -------------------------------------------------------------------------------

  function path(points) {
    let d = `M${round(points[0].x)} ${round(points[0].y)}`;
    for (let i = 1; i < points.length - 1; i++) {
      const [a, b, c] = [points[i - 1], points[i], points[i + 1]];
      const before = Math.hypot(b.x - a.x, b.y - a.y), after = Math.hypot(c.x - b.x, c.y - b.y);
      const r = Math.min(7, before / 2, after / 2);
      if (r < 0.5) { d += `L${round(b.x)} ${round(b.y)}`; continue; }
      const p = { x: b.x + ((a.x - b.x) / before) * r, y: b.y + ((a.y - b.y) / before) * r };
      const q = { x: b.x + ((c.x - b.x) / after) * r, y: b.y + ((c.y - b.y) / after) * r };
      d += `L${round(p.x)} ${round(p.y)}Q${round(b.x)} ${round(b.y)} ${round(q.x)} ${round(q.y)}`;
    }
    const last = points[points.length - 1];
    return `${d}L${round(last.x)} ${round(last.y)}`;
  }

  const text = (kind, x, y, shown, more = "") => `<text class="${kind}" x="${round(x)}" y="${round(y)}"${more}>${escape(shown)}</text>`;
  const rect = (kind, x, y, w, h, r) => `<rect class="${kind}" x="${round(x)}" y="${round(y)}" width="${round(w)}" height="${round(h)}" rx="${r}"/>`;

  function drawn(item, x, y) {
    const { node, size } = item;
    const w = item.width, h = item.height;
    const middle = x + w / 2;
    let inner = "";
    if (size.form === "round") {
      inner = `<circle class="shape" cx="${round(middle)}" cy="${round(y + h / 2)}" r="14"/>` + text("sign", middle, y + h / 2 + 5.5, size.title);
    } else if (size.form === "pill") {
      const all = width(size.title, 12, { bold: true }) + (size.detail ? width(size.detail, 11) + 8 : 0);
      const start = middle - all / 2;
      inner = rect("shape", x, y, w, h, h / 2) + text("name small", start, y + 17, size.title);
      if (size.detail) inner += text("detail", start + width(size.title, 12, { bold: true }) + 8, y + 17, size.detail);
    } else if (size.form === "end") {
      const all = width(size.title, 13, { bold: true }) + (size.detail ? width(size.detail, 11) + 8 : 0);
      inner = rect("shape", x, y, w, h, h / 2) + text("name", middle - all / 2, y + 19.5, size.title);
      if (size.detail) inner += text("detail", middle - all / 2 + width(size.title, 13, { bold: true }) + 8, y + 19.5, size.detail);
    } else if (size.form === "choice") {
      inner = `<path class="shape" d="M${round(x)} ${round(y + h / 2)}l14 ${-h / 2}h${round(w - 28)}l14 ${h / 2}l-14 ${h / 2}h${round(28 - w)}z"/>` +
        text("name small", middle, y + 21.5, size.title, ' text-anchor="middle"');
    } else if (size.form === "slim") {
      inner = (item.children ? "" : rect("shape", x, y, w, h, 8)) + text("name small", x + 12, y + 19, size.title);
      if (size.badge) inner += badge(x + w - 10, y + 8, size.badge);
    } else {
      if (node.count > 1 && size.form !== "open") inner += rect("shape behind", x + 5, y + 5, w, h, 8);
      if (!item.children) inner += rect("shape", x, y, w, h, 8);
      else inner += rect("header", x + 1, y + 1, w - 2, size.height - 2, 8);
      if (size.form === "layer") inner += `<path class="bar" d="M${round(x + 8)} ${round(y)}a8 8 0 0 0 -8 8v${round(h - 16)}a8 8 0 0 0 8 8h-2v${round(-h)}z"/>`;
      const left = x + 16;
      const arrow = isGroup(node) ? 14 : 0;
      if (arrow) {
        inner += size.form === "open"
          ? `<path class="arrow" d="M${round(left - 3)} ${round(y + 14)}h9l-4.5 6z"/>`
          : `<path class="arrow" d="M${round(left - 2)} ${round(y + 12)}v9l6 -4.5z"/>`;
      }
      inner += text("name", left + arrow, y + 21, size.title);
      if (size.detail) inner += text("detail", left + arrow, y + 36, size.detail);
      if (size.work) inner += text("detail", x + w - 12, y + 36, size.work, ' text-anchor="end"');
      let right = x + w - 12;
      if (size.numbers) {
        inner += text("numbers", right, y + 20, size.numbers, ' text-anchor="end"');
        right -= width(size.numbers, 11, { bold: true }) + 10;
      }
      for (const b of [size.badge, size.mark]) {
        if (!b) continue;
        inner += badge(right, y + 9, b);
        right -= width(b, 11, { bold: true }) + 18;
      }
    }
    const marked = node.change ? ` ${node.change}` : "";
    const whole = [node.path || node.title, node.detail, ...(node.notes ?? [])].filter(Boolean).join("\n");
    const role = isGroup(node) ? ` aria-expanded="${size.form === "open"}"` : "";
    return `<g class="node ${node.kind} ${size.form} tone-${tone(node)}${marked}" data-id="${node.id}"${role}><title>${escape(whole)}</title>${inner}</g>`;
  }

  function box({ node, size, x, y, width: w, height: h }) {
    return `<g class="back ${node.kind} ${size.form}${node.change ? ` ${node.change}` : ""}">${rect("shape", x, y, w, h, 8)}</g>`;
  }

  function badge(right, y, shown) {
    const w = width(shown, 11, { bold: true }) + 12;
    return rect("badge", right - w, y, w, 16, 8) + text("badge-text", right - w / 2, y + 12, shown, ' text-anchor="middle"');
  }

  function svg({ laid }, { style = "", title = "" } = {}) {
    const boxes = [], nodes = [], edges = [], labels = [];
    const walk = (item) => {
      for (const child of item.children ?? []) {
        if (child.items) {
          stacked(child);
          continue;
        }
        if (child.children) boxes.push(box(child)); // what is drawn after the edges is its header
        nodes.push(drawn(child, child.x, child.y));
        walk(child);
      }
    };
    const line = (e, points) => edges.push(`<path class="edge${e.change ? ` ${e.change}` : ""}" data-source="${e.source}" data-target="${e.target}" d="${path(points)}" marker-end="url(#tip)"/>`);
    const label = (e, l) => labels.push(`<g class="shape-label${e.change ? ` ${e.change}` : ""}" data-source="${e.source}"><title>${escape(l.whole)}</title>` +
      text("type", l.x + 4, l.y + 11.5, l.text) + `</g>`);
    const stacked = (column) => {
      const middle = column.x + column.width / 2;
      let bottom = 0;
      for (const item of column.items) {
        const x = column.x + item.x, y = column.y + item.y;
        nodes.push(drawn(item, x, y));
        if (item.label) {
          line(item.edge, [{ x: middle, y: bottom }, { x: middle, y }]);
          label(item.edge, { ...item.label, x: middle + 4, y: (bottom + y - 15) / 2 - 2 });
        }
        bottom = y + item.height;
      }
    };
    walk(laid);
    for (const item of laid.edges) {
      for (const s of item.sections ?? []) line(item.edge, [s.startPoint, ...(s.bendPoints ?? []), s.endPoint]);
      for (const l of item.labels ?? []) label(item.edge, l);
    }
    const w = Math.ceil(laid.width), h = Math.ceil(laid.height);
    return `<svg xmlns="http://www.w3.org/2000/svg" class="specc" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" role="img">` +
      `<title>${escape(title)}</title>${style ? `<style>${style}</style>` : ""}` +
      `<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="9.5" markerHeight="9.5" orient="auto"><path class="tip" d="M0 0.6L7.4 4L0 7.4z"/></marker></defs>` +
      `<rect class="paper" width="${w}" height="${h}"/>` +
      `<g class="view">${boxes.join("")}${edges.join("")}${nodes.join("")}${labels.join("")}</g></svg>\n`;
  }

  return { layout, svg, closed, isGroup, count, escape, shapeOf };
})();
