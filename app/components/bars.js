// Counts by name as bars; each is a button.
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".bars");
  root.openItem = (id) => setTriggerValue("open", id);
  const drawn = JSON.stringify(data);
  if (root.drawn === drawn) return;
  root.drawn = drawn;
  const most = Math.max(...data.items.map((item) => item.count), 1);
  root.replaceChildren(...data.items.map((item) => {
    const row = document.createElement("button");
    row.type = "button";
    row.dataset.id = item.id;
    row.style.setProperty("--part", `${Math.max((100 * item.count) / most, 0.7)}%`);
    if (item.colour) row.style.setProperty("--colour", item.colour);
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = item.name;
    name.dir = "auto";
    const bar = document.createElement("span");
    bar.className = "bar";
    const number = document.createElement("span");
    number.className = "number";
    number.textContent = item.shown;
    row.append(name, bar, number);
    row.onclick = () => root.openItem(item.id);
    return row;
  }));
}
