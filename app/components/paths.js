// Chains of relations; names are text nodes and real addresses, a plain click stays in the session.
const make = (tag, className, text) => {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) {
    made.textContent = text;
    made.dir = "auto";
  }
  return made;
};

function end(entity, root) {
  const link = make("a", "end");
  link.href = entity.address;
  link.title = entity.name;
  link.dataset.id = entity.id;
  const picture = make("span", "picture", entity.picture ? undefined : entity.initial);
  picture.style.setProperty("--colour", entity.colour);
  if (entity.picture) {
    const image = make("img", "");
    image.alt = "";
    image.loading = "lazy";
    image.onerror = () => { picture.textContent = entity.initial; };
    image.src = entity.picture;
    picture.append(image);
  }
  link.append(picture, make("b", "", entity.name));
  link.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    root.openEntity(entity.id);
  };
  return link;
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".paths");
  root.openEntity = (id) => setTriggerValue("open", id);
  const drawn = JSON.stringify(data);
  if (root.drawn === drawn) return;
  root.drawn = drawn;
  root.replaceChildren(...data.paths.map((path) => {
    const line = make("div", "path");
    line.append(...path.map((part) => (part.id === undefined ? make("span", "step", part.words) : end(part, root))));
    return line;
  }));
}
