// The graph view: one vis-network per mount that lives across reruns. Data goes in as text and numbers only.
const views = new WeakMap();
const NEW_NODES_SETTLE_MS = 1200;
const SECOND_CLICK_MS = 300;

// Where nodes were, by graph: a page that was left and is opened again shows the same picture. Also what tests read.
const memory = (globalThis.knowledgeClipGraph ??= { positions: new Map(), views: new Map() });

function loadVis(address) {
  globalThis.visNetworkLoading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(globalThis.vis);
    script.onerror = () => reject(new Error("vis-network did not load"));
    document.head.appendChild(script);
  });
  return globalThis.visNetworkLoading;
}

function colours(root) {
  const style = getComputedStyle(root);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: read("--st-text-color", "#222"),
    background: read("--st-background-color", "#fff"),
    line: read("--st-border-color", "#ccc"),
    faint: read("--st-gray-text-color", "#888"),
    face: style.fontFamily,
  };
}

function drawnNode(node, focus, palette) {
  const central = node.id === focus;
  const drawn = {
    id: node.id,
    label: node.label,
    title: node.title,
    borderWidth: central ? 4 : 2.5,
    borderWidthSelected: 5,
    color: { border: node.colour, background: node.picture ? palette.background : node.colour,
             highlight: { border: node.colour, background: node.colour }, hover: { border: node.colour, background: node.colour } },
    font: { color: palette.text, size: central ? 15 : 13, face: palette.face,
            strokeWidth: 4, strokeColor: palette.background },
    widthConstraint: { maximum: 125 },
  };
  if (node.picture) {
    Object.assign(drawn, { shape: "image", image: node.picture, brokenImage: BLANK, size: central ? 34 : 24,
      shapeProperties: { useBorderWithImage: true, interpolation: false } });
  } else {
    Object.assign(drawn, { shape: "dot", size: central ? 18 : 11 });
  }
  return drawn;
}

function drawnEdge(edge, palette) {
  const colour = edge.predicted ? edge.colour : palette.faint;
  return {
    id: edge.id, from: edge.from, to: edge.to, label: edge.label, title: edge.title,
    dashes: edge.predicted && !edge.accepted ? [7, 6] : false,
    width: edge.predicted ? 2.2 : 1.1,
    color: { color: colour, highlight: colour, hover: colour, opacity: edge.predicted ? 1 : 0.6 },
    font: { color: edge.predicted ? edge.colour : palette.faint, size: 11, face: palette.face, strokeWidth: 4,
      strokeColor: palette.background },
    smooth: edge.bend ? { enabled: true, type: "curvedCW", roundness: edge.bend } : false,
  };
}

// A grey square for a picture that does not come; vis draws nothing at all without one.
const BLANK = "data:image/svg+xml;utf8," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" rx="8" fill="#9aa0ae"/></svg>');

const OPTIONS = {
  autoResize: false,
  layout: { improvedLayout: false, randomSeed: 7 },
  interaction: { hover: true, tooltipDelay: 250, keyboard: false, zoomSpeed: 0.6 },
  edges: { arrows: { to: { enabled: true, scaleFactor: 0.5 } }, smooth: false, selectionWidth: 1 },
  physics: {
    enabled: true, solver: "forceAtlas2Based",
    forceAtlas2Based: { gravitationalConstant: -90, centralGravity: 0.012, springLength: 125, springConstant: 0.07, avoidOverlap: 0.6 },
    stabilization: { enabled: true, iterations: 250, fit: true },
  },
};

class View {
  constructor(root, vis) {
    this.root = root;
    this.vis = vis;
    this.canvas = root.querySelector(".canvas");
    this.nodes = new vis.DataSet();
    this.edges = new vis.DataSet();
    this.settling = 0;
    this.firstClick = 0;
    root.querySelector(".fit").onclick = () => this.fit(250);
    this.resizes = new ResizeObserver(() => this.resized());
    this.resizes.observe(this.canvas);
  }

  // Everything the page gave; called at each rerun.
  show(data, calls) {
    this.calls = calls;
    this.palette = colours(this.canvas);
    if (this.graph !== data.graph) this.begin(data);
    else this.update(data);
    this.legend(data.legend);
  }

  begin(data) {
    this.network?.destroy();
    this.graph = data.graph;
    const known = memory.positions.get(data.graph) ?? {};
    this.nodes.clear();
    this.edges.clear();
    this.nodes.add(data.nodes.map((node) => ({ ...drawnNode(node, data.focus, this.palette), ...(known[node.id] ?? {}) })));
    this.edges.add(data.edges.map((edge) => drawnEdge(edge, this.palette)));
    const remembered = data.nodes.every((node) => known[node.id]);
    const options = structuredClone(OPTIONS);
    options.physics.stabilization.enabled = !remembered;
    options.physics.enabled = !remembered;
    this.network = new this.vis.Network(this.canvas, { nodes: this.nodes, edges: this.edges }, options);
    this.network.once("stabilizationIterationsDone", () => {
      this.rest();
      this.fit();
    });
    if (remembered) {
      this.rest();
      this.fit();
    }
    this.network.on("click", (event) => this.clicked(event));
    this.network.on("doubleClick", (event) => this.doubleClicked(event));
    this.network.on("dragEnd", () => this.remember());
    memory.views.set(data.graph, this);
  }

  // New nodes find a place beside the one they came from while all others stay where they are.
  update(data) {
    const there = new Set(data.nodes.map((node) => node.id));
    const linked = new Set(data.edges.map((edge) => edge.id));
    this.edges.remove(this.edges.getIds().filter((id) => !linked.has(id)));
    this.nodes.remove(this.nodes.getIds().filter((id) => !there.has(id)));
    const fresh = data.nodes.filter((node) => !this.nodes.get(node.id));
    const places = this.network.getPositions();
    const stay = data.nodes.filter((node) => this.nodes.get(node.id));
    this.nodes.update(stay.map((node) => ({ ...drawnNode(node, data.focus, this.palette), fixed: fresh.length > 0 })));
    this.nodes.add(fresh.map((node, index) => {
      const parent = data.edges.flatMap((edge) =>
        edge.from === node.id && places[edge.to] ? [edge.to] : edge.to === node.id && places[edge.from] ? [edge.from] : [])[0];
      const centre = places[parent] ?? { x: 0, y: 0 };
      const angle = this.outward(centre) + ((index + 0.5) / fresh.length - 0.5) * Math.PI * 1.2;
      const away = 130 + 6 * fresh.length;
      return { ...drawnNode(node, data.focus, this.palette), x: centre.x + away * Math.cos(angle), y: centre.y + away * Math.sin(angle) };
    }));
    this.edges.update(data.edges.map((edge) => drawnEdge(edge, this.palette)));
    if (fresh.length) this.settle(fresh.map((node) => node.id));
  }

  settle(fresh) {
    clearTimeout(this.settling);
    this.network.setOptions({ physics: { enabled: true, stabilization: { enabled: false } } });
    this.settling = setTimeout(() => {
      this.nodes.update(this.nodes.getIds().map((id) => ({ id, fixed: false })));
      this.rest();
      this.bringIntoView(fresh);
    }, NEW_NODES_SETTLE_MS);
  }

  // Away from the middle of the graph there is room.
  outward(place) {
    const places = Object.values(this.network.getPositions());
    const mean = (axis) => places.reduce((sum, at) => sum + at[axis], 0) / Math.max(places.length, 1);
    return Math.atan2(place.y - mean("y"), place.x - mean("x"));
  }

  bringIntoView(ids) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const places = Object.values(this.network.getPositions(ids)).map((at) => this.network.canvasToDOM(at));
    const inside = places.every((at) => at.x > 30 && at.y > 30 && at.x < width - 30 && at.y < height - 30);
    if (!inside) this.fit(350);
  }

  // With room for the labels at the edge, which vis does not count.
  fit(duration = 0) {
    if (!this.network) return;
    const before = { scale: this.network.getScale(), position: this.network.getViewPosition() };
    this.network.fit();
    const after = { scale: this.network.getScale() * 0.88, position: this.network.getViewPosition() };
    if (duration) this.network.moveTo(before);
    this.network.moveTo({ ...after, animation: duration ? { duration, easingFunction: "easeInOutQuad" } : false });
  }

  rest() {
    this.network.setOptions({ physics: { enabled: false } });
    this.remember();
    this.canvas.dataset.settled = String(this.nodes.length);
  }

  remember() {
    memory.positions.set(this.graph, this.network.getPositions());
  }

  // vis reports a click before it knows of the second one.
  clicked(event) {
    clearTimeout(this.firstClick);
    const id = event.nodes[0] ?? null;
    this.firstClick = setTimeout(() => this.calls.setStateValue("selected", id), SECOND_CLICK_MS);
  }

  doubleClicked(event) {
    clearTimeout(this.firstClick);
    if (event.nodes[0] !== undefined) this.calls.setTriggerValue("expand", event.nodes[0]);
  }

  resized() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.network || !width || !height) return;
    const wasHidden = !this.width;
    this.width = width;
    this.network.setSize(`${width}px`, `${height}px`);
    this.network.redraw();
    if (wasHidden) this.fit();
  }

  legend(entries) {
    this.root.querySelector(".legend").replaceChildren(...entries.map((entry) => {
      const item = document.createElement("span");
      const mark = document.createElement("i");
      mark.className = entry.line ?? "dot";
      mark.style.setProperty("--colour", entry.colour ?? this.palette.faint);
      item.append(mark, entry.text);
      return item;
    }));
  }

  destroy() {
    clearTimeout(this.settling);
    clearTimeout(this.firstClick);
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
    root.latest = [data, calls];
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
