// What stands around the picture: the legend, which filters, the buttons, and the picture as a file.

// An entry is a button: pressed, it is in the picture. `toggle` gets the entry's key.
function drawLegend(root, legend, toggle) {
  for (const [name, entries] of Object.entries(legend)) {
    const list = root.querySelector(`.legend.${name}`);
    const buttons = new Map([...list.children].map((button) => [button.dataset.key, button]));
    list.replaceChildren(...entries.map((entry) => {
      const button = buttons.get(entry.key) ?? legendButton(entry, toggle);
      button.style.setProperty("--colour", entry.colour);
      button.setAttribute("aria-pressed", String(!entry.off));
      button.title = entry.off ? "Show" : "Hide";
      button.querySelector("span").textContent = entry.text;
      button.querySelector("small").textContent = entry.count.toLocaleString("en");
      return button;
    }));
  }
}

function legendButton(entry, toggle) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.key = entry.key;
  const mark = document.createElement("i");
  mark.className = entry.mark;
  button.append(mark, document.createElement("span"), document.createElement("small"));
  button.onclick = () => toggle(entry.key);
  return button;
}

// The picture as it stands, on the page's background, with its legend below: a PNG file.
function savePicture(canvas, palette, legend, name) {
  const ratio = canvas.width / canvas.clientWidth;
  const entries = Object.values(legend).flat().filter((entry) => !entry.off);
  const file = document.createElement("canvas");
  const ctx = file.getContext("2d");
  const font = `${12 * ratio}px ${palette.face}`;
  const rows = legendRows(ctx, font, entries, canvas.width, ratio);
  file.width = canvas.width;
  file.height = canvas.height + (rows.at(-1)?.bottom ?? 0) + 8 * ratio;
  ctx.fillStyle = palette.background;
  ctx.fillRect(0, 0, file.width, file.height);
  ctx.drawImage(canvas, 0, 0);
  ctx.font = font;
  ctx.textBaseline = "middle";
  for (const { entry, x, y } of rows) {
    ctx.fillStyle = entry.colour;
    ctx.fillRect(x, canvas.height + y - 4 * ratio, 8 * ratio, 8 * ratio);
    ctx.fillStyle = palette.text;
    ctx.fillText(entry.text, x + 13 * ratio, canvas.height + y);
  }
  file.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, "image/png");
}

function legendRows(ctx, font, entries, width, ratio) {
  ctx.font = font;
  let x = 12 * ratio;
  let y = 12 * ratio;
  return entries.map((entry) => {
    const room = ctx.measureText(entry.text).width + 30 * ratio;
    if (x + room > width && x > 12 * ratio) [x, y] = [12 * ratio, y + 18 * ratio];
    const place = { entry, x, y, bottom: y + 10 * ratio };
    x += room;
    return place;
  });
}

// The next node in the direction of an arrow key, near and straight ahead first.
function nextNode(places, from, key) {
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  const here = places[from];
  if (!here) return Object.keys(places)[0];
  let best, least = Infinity;
  for (const [id, place] of Object.entries(places)) {
    const ahead = (place.x - here.x) * dx + (place.y - here.y) * dy;
    const aside = Math.abs((place.x - here.x) * dy) + Math.abs((place.y - here.y) * dx);
    if (ahead > 0 && ahead + 2 * aside < least) [best, least] = [id, ahead + 2 * aside];
  }
  return best;
}
