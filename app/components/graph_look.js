// vis-network, loaded once for all views; how nodes and edges look in it, and where a new node begins. Names are painted
// by graph_labels.js, not by vis.

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

// A grey square for a picture that does not come; vis draws nothing at all without one.
const BLANK = "data:image/svg+xml;utf8," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" rx="8" fill="#9aa0ae"/></svg>');

const OPTIONS = {
  autoResize: false,
  layout: { improvedLayout: false, randomSeed: 7 },
  interaction: { hover: true, tooltipDelay: 350, keyboard: false, zoomSpeed: 0.6, selectConnectedEdges: false },
  edges: { arrows: { to: { enabled: true, scaleFactor: 0.5 } }, smooth: false, selectionWidth: 2, hoverWidth: 1 },
  physics: {
    enabled: true, solver: "forceAtlas2Based",
    forceAtlas2Based: { gravitationalConstant: -90, centralGravity: 0.012, springLength: 125, springConstant: 0.07, avoidOverlap: 0.6 },
    stabilization: { enabled: true, iterations: 250, fit: true },
  },
};

function paletteOf(root) {
  const style = getComputedStyle(root);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: read("--st-text-color", "#222"),
    background: read("--st-background-color", "#fff"),
    primary: read("--st-primary-color", "#5b6ee1"),
    face: style.fontFamily,
  };
}

function drawnNode(node, palette) {
  const drawn = {
    id: node.id,
    title: node.title,
    hidden: node.off,
    borderWidth: node.seed ? 4 : 2.5,
    borderWidthSelected: 5,
    color: { border: node.colour, background: node.picture ? palette.background : node.colour,
             highlight: { border: palette.primary, background: node.colour },
             hover: { border: palette.primary, background: node.colour } },
  };
  if (node.picture) {
    Object.assign(drawn, { shape: "image", image: node.picture, brokenImage: BLANK, size: (node.seed ? 34 : 24) * node.shrink,
      shapeProperties: { useBorderWithImage: true, interpolation: false } });
  } else {
    Object.assign(drawn, { shape: "dot", size: node.seed ? 18 : 11 });
  }
  return drawn;
}

// What the model predicts is thicker, and dashed until somebody accepted it.
function drawnEdge(edge) {
  return {
    id: edge.id, from: edge.from, to: edge.to, title: edge.title, hidden: edge.off,
    dashes: edge.predicted && !edge.accepted ? [7, 6] : false,
    width: edge.predicted ? 2.4 : 1.3,
    color: { color: edge.colour, highlight: edge.colour, hover: edge.colour, opacity: edge.predicted ? 1 : 0.75 },
    smooth: edge.bend ? { enabled: true, type: "curvedCW", roundness: edge.bend } : false,
  };
}

// Beginnings of new nodes: a sunflower beside the node each came from, outward, where there is room.
function beginnings(fresh, edges, places) {
  const all = Object.values(places);
  const middle = { x: mean(all, "x"), y: mean(all, "y") };
  const isNew = new Set(fresh);
  const origins = new Map();
  for (const edge of edges) {
    if (isNew.has(edge.from) && places[edge.to]) origins.set(edge.from, edge.to);
    if (isNew.has(edge.to) && places[edge.from]) origins.set(edge.to, edge.from);
  }
  const right = Math.max(0, ...all.map((place) => place.x)) + 160;
  const turn = new Map();
  const found = {};
  for (const id of fresh) {
    const origin = origins.get(id);
    const number = turn.get(origin) ?? 0;
    turn.set(origin, number + 1);
    const together = fresh.filter((other) => origins.get(other) === origin).length;
    const near = places[origin] ?? { x: right, y: middle.y };
    const outward = Math.atan2(near.y - middle.y, near.x - middle.x);
    const away = origin === undefined ? 0 : 110 + 26 * Math.sqrt(together);
    const spread = 34 * Math.sqrt(number + 0.5);
    const angle = number * 2.39996;
    found[id] = { x: near.x + away * Math.cos(outward) + spread * Math.cos(angle),
                  y: near.y + away * Math.sin(outward) + spread * Math.sin(angle) };
  }
  return found;
}

function mean(places, axis) {
  return places.reduce((sum, place) => sum + place[axis], 0) / Math.max(places.length, 1);
}
