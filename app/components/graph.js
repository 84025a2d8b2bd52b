// The graph view: one vis-network per mount that lives across reruns. Data goes in as text and numbers only.
// The page owns what is in the picture (and can undo it); where it stands, and what the mouse is at, is owned here.
const views = new WeakMap();
const SETTLE_MS = 1200;
const ARRANGE_MS = 2000;
const MOVE_MS = 350;
const SECOND_CLICK_MS = 300;
const HOVER_MS = 110;
const MOST_SCALE = 1.5;
const LEAST_SCALE = 0.05;
const MARGIN = 12;

// Where nodes were, by graph and arrangement: a page that was left and is opened again shows the same picture, and so
// does a step that is undone. Also what tests read.
const memory = (globalThis.knowledgeClipGraph ??= { positions: new Map(), views: new Map() });

class View {
  constructor(root, vis) {
    this.root = root;
    this.vis = vis;
    this.canvas = root.querySelector(".canvas");
    this.nodes = new vis.DataSet();
    this.edges = new vis.DataSet();
    this.timers = {};
    this.off = new Set();
    this.hovered = {};
    this.selected = {};
    root.querySelector(".tools").onclick = (event) => this.press(event.target.dataset.do);
    this.canvas.onmouseleave = () => {
      this.network?.interactionHandler.popup?.hide();
      this.hover({});
    };
    this.canvas.onkeydown = (event) => this.key(event);
    this.resizes = new ResizeObserver(() => this.resized());
    this.resizes.observe(this.canvas);
  }

  // Everything the page gave; called at each rerun.
  show(data, calls) {
    this.calls = calls;
    this.palette = paletteOf(this.canvas);
    const begins = this.graph !== data.graph;
    this.canvas.style.setProperty("--height", data.height);
    if (data.path.join() !== this.data?.path.join()) this.pathSeen = false;
    this.data = data;
    if (begins) this.off = new Set(data.off);
    this.take();
    if (begins) this.begin();
    else if (this.arrangement !== data.arrangement) this.rearrange();
    else this.update();
    this.bar();
  }

  // Which nodes and edges the legend leaves in the picture, and which names go first.
  take() {
    const { nodes, edges } = this.data;
    const degree = new Map();
    const gone = new Set();
    for (const node of nodes) {
      node.off = this.off.has(`kind ${node.kind}`);
      if (node.off) gone.add(node.id);
    }
    for (const edge of edges) {
      edge.off = this.off.has(`type ${edge.type}`) || (edge.predicted && this.off.has(edge.accepted ? "accepted" : "predicted"))
        || gone.has(edge.from) || gone.has(edge.to);
      if (edge.off) continue;
      for (const end of [edge.from, edge.to]) degree.set(end, (degree.get(end) ?? 0) + 1);
    }
    for (const node of nodes) node.rank = (degree.get(node.id) ?? 0) + (node.seed ? 1e6 : 0) + (node.pinned ? 1e3 : 0);
  }

  get places() {
    const key = `${this.graph}\n${this.arrangement}`;
    if (!memory.positions.has(key)) memory.positions.set(key, {});
    return memory.positions.get(key);
  }

  begin() {
    this.network?.destroy();
    memory.views.delete(this.graph);
    this.graph = this.data.graph;
    this.arrangement = this.data.arrangement;
    this.hovered = {};
    this.selected = {};
    const { nodes, edges } = this.data;
    const known = this.places;
    this.nodes.clear();
    this.edges.clear();
    this.nodes.add(nodes.map((node) => ({ ...drawnNode(node, this.palette), ...known[node.id] })));
    this.edges.add(edges.map(drawnEdge));
    const remembered = nodes.every((node) => known[node.id]);
    const options = structuredClone(OPTIONS);
    options.physics.stabilization.enabled = !remembered;
    options.physics.enabled = !remembered;
    this.network = new this.vis.Network(this.canvas, { nodes: this.nodes, edges: this.edges }, options);
    this.labels = new Labels(this.network);
    this.listen();
    if (remembered) this.rest();
    memory.views.set(this.graph, this);
  }

  listen() {
    const { network } = this;
    network.once("stabilizationIterationsDone", () => this.rest());
    network.on("afterDrawing", (ctx) => this.labels.paint(ctx, { ...this.data, lit: this.lit(), palette: this.palette }));
    network.on("click", (event) => this.clicked(event));
    network.on("doubleClick", (event) => this.doubleClicked(event));
    network.on("dragEnd", () => this.remember());
    network.on("hoverNode", ({ node }) => this.hover({ node }));
    network.on("hoverEdge", ({ edge }) => this.hover({ edge }));
    network.on("blurNode", () => this.hover({}));
    network.on("blurEdge", () => this.hover({}));
    network.on("dragStart", () => this.hover({}));
  }

  // New nodes find a place beside the one they came from while all others stay where they are.
  update() {
    const { nodes } = this.data;
    const fresh = this.exchange();
    if (this.canvas.dataset.settled) this.canvas.dataset.settled = String(this.nodes.length);
    if (!fresh.length) return;
    const known = this.places;
    if (fresh.every((id) => known[id])) return this.rest(false);
    const there = new Set(fresh);
    this.nodes.update(nodes.filter((node) => !there.has(node.id) || known[node.id]).map(({ id }) => ({ id, fixed: true })));
    this.settle(SETTLE_MS, () => this.bringIntoView(fresh));
  }

  // Puts the page's nodes and edges into the picture; returns the nodes that were not in it.
  exchange() {
    const { nodes, edges } = this.data;
    const there = new Set(nodes.map((node) => node.id));
    const linked = new Set(edges.map((edge) => edge.id));
    const standing = this.network.getPositions();
    Object.assign(this.places, standing);
    this.edges.remove(this.edges.getIds().filter((id) => !linked.has(id)));
    this.nodes.remove(this.nodes.getIds().filter((id) => !there.has(id)));
    const fresh = nodes.filter((node) => !this.nodes.get(node.id)).map((node) => node.id);
    const places = { ...beginnings(fresh, edges, standing), ...this.places };
    this.nodes.update(nodes.map((node) => ({ ...drawnNode(node, this.palette), ...(fresh.includes(node.id) ? places[node.id] : {}) })));
    this.edges.update(edges.map(drawnEdge));
    if (this.selected.node && !there.has(this.selected.node)) this.selected = {};
    if (this.selected.edge && !linked.has(this.selected.edge)) this.selected = {};
    return fresh;
  }

  // A layout anew, in which what is pinned stays; or, after an undo, the one of before.
  rearrange() {
    this.exchange();
    this.arrangement = this.data.arrangement;
    const known = this.places;
    if (this.data.nodes.every((node) => known[node.id])) {
      this.nodes.update(this.data.nodes.map(({ id }) => ({ id, ...known[id] })));
      this.rest();
      return;
    }
    this.nodes.update(this.data.nodes.map(({ id, pinned }) => ({ id, fixed: pinned })));
    this.settle(ARRANGE_MS, () => this.fit(MOVE_MS));
  }

  settle(duration, then) {
    clearTimeout(this.timers.settle);
    this.network.interactionHandler.popup?.hide();
    delete this.canvas.dataset.settled;
    this.network.setOptions({ physics: { enabled: true, stabilization: { enabled: false } } });
    this.timers.settle = setTimeout(() => {
      this.nodes.update(this.nodes.getIds().map((id) => ({ id, fixed: false })));
      this.network.setOptions({ physics: { enabled: false } });
      then();
      this.timers.settle = setTimeout(() => this.rest(false), MOVE_MS + 50);
    }, duration);
  }

  rest(fit = true) {
    this.network.setOptions({ physics: { enabled: false } });
    this.remember();
    if (fit) this.fit();
    this.canvas.dataset.settled = String(this.nodes.length);
  }

  remember() {
    Object.assign(this.places, this.network.getPositions());
  }

  bringIntoView(ids) {
    const scale = this.network.getScale();
    const nodes = this.data.nodes.filter((node) => ids.includes(node.id));
    if (!isWithin(this.labels.frame(nodes, scale, this.palette.face), this.labels.visible(scale))) this.fit(MOVE_MS);
  }

  // As large as it may be with the names inside: they keep their size at every scale, and vis does not count them.
  fit(duration = 0) {
    const shown = this.data.nodes.filter((node) => !node.off);
    if (!this.network || !shown.length) return;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const frame = (scale) => this.labels.frame(shown, scale, this.palette.face);
    const fits = ({ left, right, top, bottom }) => right - left <= width - 2 * MARGIN && bottom - top <= height - 2 * MARGIN;
    let [scale, over] = fits(frame(MOST_SCALE)) ? [MOST_SCALE, MOST_SCALE] : [LEAST_SCALE, MOST_SCALE];
    while (over / scale > 1.005) {
      const between = Math.sqrt(scale * over);
      if (fits(frame(between))) scale = between;
      else over = between;
    }
    const { left, right, top, bottom } = frame(scale);
    this.network.moveTo({ scale, position: { x: (left + right) / 2 / scale, y: (top + bottom) / 2 / scale },
      animation: duration ? { duration, easingFunction: "easeInOutQuad" } : false });
  }

  // What stands out of the rest: what the mouse is at, else what is selected, else the path.
  lit() {
    const at = this.hovered.node || this.hovered.edge ? this.hovered : this.selected;
    const { edges, path } = this.data;
    const among = at.node ? edges.filter((edge) => !edge.off && (edge.from === at.node || edge.to === at.node))
      : at.edge ? edges.filter((edge) => edge.id === at.edge)
      : this.pathSeen ? [] : edges.filter((edge) => path.includes(edge.id));
    if (!at.node && !among.length) return null;
    const nodes = new Set(among.flatMap((edge) => [edge.from, edge.to]));
    if (at.node) nodes.add(at.node);
    return { nodes, edges: new Set(among.map((edge) => edge.id)), strong: !at.node && !at.edge };
  }

  hover(at) {
    clearTimeout(this.timers.hover);
    this.timers.hover = setTimeout(() => {
      this.hovered = at;
      this.network?.redraw();
    }, HOVER_MS);
  }

  select(at, soon = 0) {
    this.selected = at;
    this.pathSeen = this.pathSeen || Boolean(at.node || at.edge);
    this.network.redraw();
    this.speak(at);
    clearTimeout(this.timers.select);
    this.timers.select = setTimeout(() => this.calls.setStateValue("selected", at), soon);
  }

  speak({ node: id }) {
    const node = this.data.nodes.find((one) => one.id === id);
    const linked = this.data.edges.filter((edge) => edge.from === id || edge.to === id).length;
    this.root.querySelector(".spoken").textContent = node ? `${node.label}, ${node.kind}, ${linked} relations in view` : "";
  }

  // vis reports a click before it knows of the second one.
  clicked({ nodes: [node], edges: [edge] }) {
    this.select(node !== undefined ? { node } : edge !== undefined ? { edge } : {}, SECOND_CLICK_MS);
  }

  doubleClicked({ nodes: [node] }) {
    clearTimeout(this.timers.select);
    if (node !== undefined) this.act("expand", node);
  }

  act(what, id = "") {
    this.calls.setTriggerValue("act", { do: what, id });
  }

  press(what) {
    if (what === "fit") this.fit(MOVE_MS);
    else if (what === "picture") savePicture(this.canvas.querySelector("canvas"), this.palette, this.data.legend, "graph.png");
    else if (what) this.act(what);
  }

  key(event) {
    const { node } = this.selected;
    const undo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey);
    if (undo) this.act("undo");
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === "Escape") { this.network.unselectAll(); this.pathSeen = true; this.select({}); }
    else if (event.key.startsWith("Arrow")) this.step(event.key);
    else if (event.key === "f" || event.key === "F") this.fit(MOVE_MS);
    else if (!node) return;
    else if (event.key === "Delete" || event.key === "Backspace") this.act("hide", node);
    else if (event.key === "Enter") this.act("expand", node);
    else if (event.key === "p" || event.key === "P") this.act("pin", node);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step(key) {
    const shown = this.data.nodes.filter((node) => !node.off).map((node) => node.id);
    const places = this.network.getPositions(shown);
    const node = nextNode(places, this.selected.node ?? this.data.selected, key);
    if (node === undefined) return;
    this.network.selectNodes([node], false);
    this.select({ node }, SECOND_CLICK_MS);
    this.bringIntoView([node]);
  }

  toggle(key) {
    if (!this.off.delete(key)) this.off.add(key);
    this.take();
    this.nodes.update(this.data.nodes.map(({ id, off }) => ({ id, hidden: off })));
    this.edges.update(this.data.edges.map(({ id, off }) => ({ id, hidden: off })));
    this.bar();
    this.calls.setStateValue("off", [...this.off]);
  }

  bar() {
    for (const entry of Object.values(this.data.legend).flat()) entry.off = this.off.has(entry.key);
    drawLegend(this.root, this.data.legend, (key) => this.toggle(key));
    const undo = this.root.querySelector("[data-do=undo]");
    undo.disabled = !this.data.undo;
    undo.title = this.data.undo ? `Take back: ${this.data.undo} (Ctrl+Z)` : "There is nothing to take back";
  }

  resized() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.network || !width || !height) return;
    const much = Math.abs(width - (this.width ?? 0)) > 0.25 * width; // not for a scroll bar that comes or goes
    this.width = width;
    this.network.setSize(`${width}px`, `${height}px`);
    this.network.redraw();
    if (much) this.fit();
  }

  destroy() {
    Object.values(this.timers).forEach(clearTimeout);
    this.resizes.disconnect();
    this.network?.destroy();
    if (memory.views.get(this.graph) === this) memory.views.delete(this.graph);
  }
}

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".graph");
  const calls = { setStateValue, setTriggerValue };
  const current = views.get(root);
  if (current) {
    current.show(data, calls);
  } else {
    loadVis(data.script).then((vis) => {
      if (!root.isConnected) return;
      const view = views.get(root) ?? new View(root, vis);
      views.set(root, view);
      view.show(...root.latest);
    }).catch((error) => { root.querySelector(".legend").textContent = error.message; });
  }
  root.latest = [data, calls];
  // The cleanup of a superseded call comes while the view is still on the page.
  return () => setTimeout(() => {
    if (root.isConnected) return;
    views.get(root)?.destroy();
    views.delete(root);
  });
}
