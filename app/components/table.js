// A page of rows that the server sorted. Texts from data become text nodes; a name is a real address, so that it can be
// opened in a new tab, while a plain click stays in the session.
const make = (tag, className = "", text = undefined) => {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) {
    made.textContent = text;
    made.dir = "auto";
  }
  return made;
};

function picture(cell) {
  const frame = make("span", "picture");
  frame.style.setProperty("--colour", cell.colour);
  const initial = () => frame.replaceChildren(make("b", "", cell.initial));
  if (!cell.picture) {
    initial();
    return frame;
  }
  const image = make("img");
  image.loading = "lazy";
  image.alt = "";
  image.onerror = initial;
  image.src = cell.picture;
  frame.append(image);
  return frame;
}

function content(cell, root) {
  const inside = make("span", "cell");
  if (cell.colour) inside.append(picture(cell));
  const words = make(cell.address ? "a" : "span", `words ${cell.tone ?? ""}`, cell.text);
  words.title = cell.title ?? cell.text;
  if (cell.address) {
    words.href = cell.address;
    words.dataset.id = cell.id;
    words.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      root.told("open", cell.id);
    };
  }
  inside.append(words);
  return inside;
}

function head(column, data, root) {
  const cell = make("th", column.right ? "right" : "");
  cell.scope = "col";
  if (!column.sorts) {
    cell.append(make("span", "", column.label));
    return cell;
  }
  const chosen = data.order === column.id;
  cell.classList.toggle("chosen", chosen);
  if (chosen) cell.ariaSort = data.descending ? "descending" : "ascending";
  const button = make("button", "", column.label + (chosen ? (data.descending ? " ↓" : " ↑") : ""));
  button.type = "button";
  button.onclick = () => root.told("sort", column.id);
  cell.append(button);
  return cell;
}

const box = (label) => {
  const made = make("input");
  made.type = "checkbox";
  made.ariaLabel = label;
  return made;
};

// Shift takes all rows from the one that was marked last.
function marks(root, rows) {
  let last = -1;
  const all = box("all on this page");
  const boxes = rows.map((row, at) => {
    const one = box("this row");
    one.onclick = (event) => {
      const from = event.shiftKey && last >= 0 ? Math.min(last, at) : at;
      const until = event.shiftKey && last >= 0 ? Math.max(last, at) : at;
      for (let k = from; k <= until; k += 1) one.checked ? root.marked.add(rows[k].key) : root.marked.delete(rows[k].key);
      last = at;
      show();
      root.told("marked");
    };
    return one;
  });
  const show = () => {
    boxes.forEach((one, at) => {
      one.checked = root.marked.has(rows[at].key);
      one.closest("tr")?.classList.toggle("on", one.checked);
    });
    all.checked = rows.length > 0 && rows.every((row) => root.marked.has(row.key));
    all.indeterminate = !all.checked && rows.some((row) => root.marked.has(row.key));
  };
  all.onclick = () => {
    for (const row of rows) all.checked ? root.marked.add(row.key) : root.marked.delete(row.key);
    show();
    root.told("marked");
  };
  return { all, boxes, show };
}

export default function ({ parentElement, data, setTriggerValue, setStateValue }) {
  const root = parentElement.querySelector(".table");
  root.told = (what, value) => (what === "marked" ? setStateValue("marked", [...root.marked]) : setTriggerValue(what, value));
  const drawn = JSON.stringify(data);
  if (root.drawn === drawn) return;
  root.drawn = drawn;
  const keys = new Set(data.rows.map((row) => row.key));
  root.marked = new Set([...(root.marked ?? [])].filter((key) => keys.has(key)));
  const marking = data.marks ? marks(root, data.rows) : null;
  const top = make("tr");
  if (marking) {
    const cell = make("th", "mark");
    cell.append(marking.all);
    top.append(cell);
  }
  top.append(...data.columns.map((column) => head(column, data, root)));
  const rows = data.rows.map((row, at) => {
    const line = make("tr");
    line.dataset.key = row.key;
    if (marking) {
      const cell = make("td", "mark");
      cell.append(marking.boxes[at]);
      line.append(cell);
    }
    data.columns.forEach((column, place) => {
      const cell = make("td", column.right ? "right" : "");
      cell.append(content(row.cells[place], root));
      line.append(cell);
    });
    return line;
  });
  const [thead, tbody] = [make("thead"), make("tbody")];
  thead.append(top);
  tbody.append(...rows);
  root.replaceChildren(thead, tbody);
  marking?.show();
}
