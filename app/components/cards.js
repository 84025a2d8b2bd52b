// Entities as cards, rows or chips. Names from data become text nodes and nothing else; links are real addresses, so that
// they can be copied and opened in a new tab, while a plain click stays in the session.
const node = (tag, className, text) => {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

function picture(item) {
  const frame = node("span", "picture");
  frame.style.setProperty("--colour", item.colour);
  const initial = () => frame.replaceChildren(node("b", "", item.kind.slice(0, 1).toUpperCase()));
  if (!item.picture) {
    initial();
    return frame;
  }
  const image = node("img", "");
  image.loading = "lazy";
  image.alt = "";
  image.onerror = initial;
  image.src = item.picture;
  frame.append(image);
  return frame;
}

function card(item, layout, open) {
  const link = node("a", `item ${item.state ?? ""}`);
  link.href = item.address;
  link.title = item.name;
  link.dataset.id = item.id;
  const words = node("span", "words");
  const name = node("span", "name", item.name);
  name.dir = "auto";
  words.append(name);
  if (item.text) {
    const text = node("span", "text", item.text);
    text.dir = "auto";
    words.append(text);
  }
  const notes = node("span", "notes");
  if (item.rank !== undefined) link.append(node("span", "rank", String(item.rank)));
  if (item.showKind) {
    const kind = node("span", "kind", item.kind);
    kind.style.setProperty("--colour", item.colour);
    notes.append(kind);
  }
  if (item.score !== undefined) notes.append(node("span", "score", item.score));
  if (item.note) notes.append(node("span", "note", item.note));
  link.append(picture(item), words);
  if (notes.childNodes.length) (layout === "rows" ? link : words).append(notes);
  link.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open(item.id);
  };
  return link;
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".cards");
  // A rerun with the same cards leaves them alone: a link that is replaced between press and release gets no click.
  root.openEntity = (id) => setTriggerValue("open", id);
  const drawn = JSON.stringify(data);
  if (root.drawn === drawn) return;
  root.drawn = drawn;
  const open = (id) => root.openEntity(id);
  root.className = `cards ${data.layout}`;
  root.replaceChildren(...data.groups.flatMap((group) => {
    const list = node("div", "list");
    list.append(...group.items.map((item) => card(item, data.layout, open)));
    if (group.more) list.append(node("span", "more", group.more));
    if (!group.title) return [list];
    const section = node("section", "");
    const title = node("h4", "", group.title);
    title.dir = "auto";
    section.append(title, list);
    return [section];
  }));
}
