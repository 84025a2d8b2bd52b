// Single keys for the page, but not while something is typed or chosen; each is told with what was on the screen.
const TAKES_KEYS = "input, textarea, select, [contenteditable], [role=combobox], [role=listbox], [role=textbox]";

export default function ({ data, setTriggerValue }) {
  let told = false; // one press for each time the page is drawn: a second one would be about what nobody has seen yet
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || told) return;
    const at = event.composedPath()[0];
    if (at instanceof Element && at.closest(TAKES_KEYS) && !["checkbox", "button"].includes(at.type)) return;
    const key = event.key.toLowerCase();
    if (!data.keys.includes(key)) return;
    event.preventDefault();
    told = true;
    setTriggerValue("pressed", { key, shown: data.shown });
  };
  document.addEventListener("keydown", press);
  return () => document.removeEventListener("keydown", press);
}
