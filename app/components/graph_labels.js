// Names as on a map: of one size at every zoom, none over another or over a node; the rest comes closer by zooming in,
// or when the mouse is over it. What is looked at (lit) stands out of the rest, which is dimmed.
const LABEL_SIZE = 12.5;
const EDGE_LABEL_SIZE = 11;
const LINE_HEIGHT = 1.2;
const LINE_WIDTH = 120;
const APART = 3;
const BELOW = 4;
const PICTURE_TO_COME = 4 / 3; // until it is there, its longer side beside the shorter
const MOST_EDGE_LABELS = 70;
const SMALLEST_SCALE_FOR_EDGES = 0.45;

class Occupied {
  constructor(cell = 48) {
    this.cell = cell;
    this.cells = new Map();
  }

  *around(box) {
    for (let x = Math.floor(box.left / this.cell); x <= Math.floor(box.right / this.cell); x++)
      for (let y = Math.floor(box.top / this.cell); y <= Math.floor(box.bottom / this.cell); y++) yield `${x},${y}`;
  }

  take(box) {
    for (const key of this.around(box)) {
      if (!this.cells.has(key)) this.cells.set(key, []);
      this.cells.get(key).push(box);
    }
  }

  isFree(box, own) {
    for (const key of this.around(box)) {
      for (const other of this.cells.get(key) ?? []) {
        if (other.owner !== own && other.left < box.right + APART && other.right > box.left - APART && other.top < box.bottom
            && other.bottom > box.top) return false;
      }
    }
    return true;
  }
}

class Labels {
  constructor(network) {
    this.network = network;
    this.measured = new Map();
    this.shown = []; // names in the last picture; tests read it
  }

  // `lit` is what is looked at: { nodes: Set, edges: Set } or null. Drawn in the network's own coordinates.
  paint(ctx, { nodes, edges, lit, palette }) {
    const scale = this.network.getScale();
    const body = this.network.body;
    if (lit) this.dim(ctx, lit, body, palette);
    const pixel = 1 / scale;
    const occupied = new Occupied();
    const there = [];
    for (const node of nodes) {
      const drawn = body.nodes[node.id];
      if (!drawn || node.off || (lit && !lit.nodes.has(node.id))) continue;
      const size = drawn.options.size;
      const at = { x: drawn.x * scale, y: drawn.y * scale, half: (drawn.shape.width / 2 || size) * scale,
        high: (drawn.shape.height / 2 || size) * scale };
      occupied.take({ owner: node.id, left: at.x - at.half, right: at.x + at.half, top: at.y - at.high, bottom: at.y + at.high });
      there.push([node, at]);
    }
    there.sort(([one], [other]) => other.rank - one.rank);
    ctx.save();
    ctx.scale(pixel, pixel);
    ctx.textBaseline = "top";
    ctx.lineJoin = "round";
    ctx.lineWidth = 3.5;
    ctx.strokeStyle = palette.background;
    this.shown = [];
    const seen = this.visible(scale);
    this.paintNodes(ctx, there, occupied, palette, seen);
    this.paintEdges(ctx, edges, occupied, palette, scale, lit, seen);
    for (const [node, at] of there) if (node.pinned) pin(ctx, at, palette);
    ctx.restore();
  }

  // A veil over everything, and what is lit once more above it.
  dim(ctx, lit, body, palette) {
    const { left, right, top, bottom } = this.visible(1);
    ctx.save();
    ctx.globalAlpha = 0.82;
    ctx.fillStyle = palette.background;
    ctx.fillRect(left, top, right - left, bottom - top);
    ctx.restore();
    for (const id of lit.edges) {
      const edge = body.edges[id];
      if (!edge?.connected || edge.options.hidden) continue;
      if (lit.strong) halo(ctx, edge, palette);
      edge.draw(ctx);
      edge.drawArrows(ctx);
    }
    for (const id of lit.nodes) if (body.nodes[id] && !body.nodes[id].options.hidden) body.nodes[id].draw(ctx);
  }

  visible(scale) {
    const { clientWidth, clientHeight } = this.network.body.container;
    const from = this.network.DOMtoCanvas({ x: 0, y: 0 });
    const to = this.network.DOMtoCanvas({ x: clientWidth, y: clientHeight });
    return { left: from.x * scale, top: from.y * scale, right: to.x * scale, bottom: to.y * scale };
  }

  // What nodes and their names take at a scale, the names below, where they are tried first.
  frame(nodes, scale, face) {
    const ctx = this.network.canvas.getContext();
    const frame = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    for (const node of nodes) {
      const drawn = this.network.body.nodes[node.id];
      if (!drawn) continue;
      const least = drawn.options.size * (node.picture ? PICTURE_TO_COME : 1);
      const high = Math.max(drawn.shape.height / 2 || 0, least) * scale;
      const { lines, width } = this.lines(ctx, node.label, LABEL_SIZE, face);
      const half = Math.max(Math.max(drawn.shape.width / 2 || 0, least) * scale, width / 2);
      frame.left = Math.min(frame.left, drawn.x * scale - half);
      frame.right = Math.max(frame.right, drawn.x * scale + half);
      frame.top = Math.min(frame.top, drawn.y * scale - high);
      frame.bottom = Math.max(frame.bottom, drawn.y * scale + high + BELOW + lines.length * LABEL_SIZE * LINE_HEIGHT);
    }
    return frame;
  }

  // Below its node a name may be cut by the edge of the canvas, when somebody moves it there; elsewhere it is not put.
  paintNodes(ctx, there, occupied, palette, seen) {
    ctx.textAlign = "center";
    ctx.fillStyle = palette.text;
    for (const [node, at] of there) {
      const { lines, width } = this.lines(ctx, node.label, LABEL_SIZE, palette.face);
      const height = lines.length * LABEL_SIZE * LINE_HEIGHT;
      const beside = at.half + width / 2 + 5;
      for (const [x, y] of [[0, at.high + BELOW], [0, -at.high - height - 3], [beside, -height / 2], [-beside, -height / 2]]) {
        const box = { owner: node.id, left: at.x + x - width / 2, right: at.x + x + width / 2, top: at.y + y, bottom: at.y + y + height };
        if (!occupied.isFree(box, node.id) || (y !== at.high + BELOW && !isWithin(box, seen))) continue;
        occupied.take({ ...box, owner: `${node.id} name` });
        if (box.right < seen.left || box.left > seen.right || box.bottom < seen.top || box.top > seen.bottom) break;
        this.shown.push({ id: node.id, ...box });
        lines.forEach((line, row) => text(ctx, line, at.x + x, at.y + y + row * LABEL_SIZE * LINE_HEIGHT));
        break;
      }
    }
  }

  // Only where they can be read: not when there are many, not from far away, not on a short edge.
  paintEdges(ctx, edges, occupied, palette, scale, lit, seen) {
    const wanted = edges.filter((edge) => !edge.off && (!lit || lit.edges.has(edge.id)));
    if (wanted.length > MOST_EDGE_LABELS || (scale < SMALLEST_SCALE_FOR_EDGES && !lit)) return;
    for (const edge of wanted) {
      const drawn = this.network.body.edges[edge.id];
      if (!drawn?.connected) continue;
      const { lines: [line], width } = this.lines(ctx, edge.label, EDGE_LABEL_SIZE, palette.face, Infinity);
      const length = Math.hypot(drawn.from.x - drawn.to.x, drawn.from.y - drawn.to.y) * scale;
      if (length < 46 || length < width * 0.7) continue;
      const point = drawn.edgeType.getPoint(0.5, drawn.edgeType.getViaNode());
      const at = { x: point.x * scale, y: point.y * scale };
      const box = { owner: edge.id, left: at.x - width / 2, right: at.x + width / 2, top: at.y - EDGE_LABEL_SIZE * 0.65, bottom: at.y + EDGE_LABEL_SIZE * 0.65 };
      if (!isWithin(box, seen) || !occupied.isFree(box, edge.id)) continue;
      occupied.take(box);
      this.shown.push({ id: edge.id, ...box });
      ctx.fillStyle = edge.colour;
      text(ctx, line, at.x, box.top);
    }
  }

  // The words on at most two lines, and how wide they are.
  lines(ctx, words, size, face, most = LINE_WIDTH) {
    ctx.font = `${size}px ${face}`;
    const key = `${size} ${words}`;
    if (!this.measured.has(key)) {
      const lines = wrapped(ctx, words, most);
      this.measured.set(key, { lines, width: Math.max(...lines.map((line) => ctx.measureText(line).width)) });
    }
    return this.measured.get(key);
  }
}

function isWithin(box, outer) {
  return box.left >= outer.left && box.right <= outer.right && box.top >= outer.top && box.bottom <= outer.bottom;
}

// Too long for one line: two, as equal as the words allow.
function wrapped(ctx, words, most) {
  if (ctx.measureText(words).width <= most || !words.includes(" ")) return [words];
  const parts = words.split(" ");
  const ways = parts.slice(1).map((_, at) => [parts.slice(0, at + 1).join(" "), parts.slice(at + 1).join(" ")]);
  const width = (lines) => Math.max(...lines.map((line) => ctx.measureText(line).width));
  return ways.reduce((best, way) => (width(way) < width(best) ? way : best));
}

function text(ctx, line, x, y) {
  ctx.strokeText(line, x, y);
  ctx.fillText(line, x, y);
}

function halo(ctx, edge, palette) {
  const via = edge.edgeType.getViaNode();
  ctx.save();
  ctx.globalAlpha = 0.35;
  ctx.strokeStyle = palette.primary;
  ctx.lineWidth = 11;
  ctx.lineCap = "round";
  ctx.beginPath();
  for (let step = 0; step <= 20; step++) {
    const at = edge.edgeType.getPoint(step / 20, via);
    if (step) ctx.lineTo(at.x, at.y);
    else ctx.moveTo(at.x, at.y);
  }
  ctx.stroke();
  ctx.restore();
}

function pin(ctx, at, palette) {
  ctx.beginPath();
  ctx.arc(at.x + at.half * 0.75, at.y - at.high * 0.75, 4.5, 0, 2 * Math.PI);
  ctx.fillStyle = palette.primary;
  ctx.lineWidth = 2;
  ctx.fill();
  ctx.stroke();
}
