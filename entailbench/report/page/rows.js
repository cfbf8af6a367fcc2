// The list of rows: filters, search, pages. The state is the place in the address; everything is drawn from it.
const PAGE = 50;
const form = document.getElementById("filters");
const list = document.getElementById("list");
const count = document.getElementById("count");
const pages = document.getElementById("pages");
let place = readPlace();
let turn = 0;

const unpacked = async () => {
  if (!packed.has(`${place.task}/index`)) place.task = START.task;
  const index = await indexOf(place.task);
  index.unpacked ??= index.rows.map(([id, question, gold, said, facets], number) => (
    { id, question, gold, said, facets, number }
  ));
  return index;
};

const options = (select, values, first) => {
  select.replaceChildren(new Option(first, ""), ...values.map((value) => new Option(value, value)));
};

const fillForm = (index) => {
  options(form.elements.model, [...index.models, ...index.baselines], "any");
  const column = index.facets.indexOf("family");
  const families = column < 0 ? [] : [...new Set(index.unpacked.map((row) => String(row.facets[column])))].filter(Boolean);
  options(form.elements.family, families.sort(), "any");
  document.getElementById("family-filter").hidden = families.length < 2;
  document.getElementById("task-filter").hidden = form.elements.task.options.length < 2;
  for (const control of form.elements) {
    if (control.type === "checkbox") control.checked = Boolean(place[control.name]);
    else if (control.name) control.value = place[control.name];
    // An address may name what is not here.
    if (control.tagName === "SELECT" && control.value !== place[control.name]) {
      control.value = control.options[0].value;
      place[control.name] = control.value;
    }
  }
};

// Which rows the filters let through, text aside.
const passing = (index) => {
  const names = [...index.models, ...index.baselines];
  const wanted = place.model ? [names.indexOf(place.model)] : index.models.map((_, number) => number);
  const column = index.facets.indexOf("family");
  return index.unpacked.filter((row) => {
    if (place.gold && row.gold !== place.gold) return false;
    if (place.family && String(row.facets[column]) !== place.family) return false;
    if (place.differ && new Set(row.said.slice(0, index.models.length)).size < 2) return false;
    return !place.is || wanted.some((number) => outcome(row.gold, row.said[number]) === place.is);
  });
};

const breath = () => new Promise((resolve) => { setTimeout(resolve); });

// Searches block by block and lets the page breathe in between; null when the reader has gone on meanwhile.
const searched = async (index, rows, now) => {
  const words = place.q.trim().toLowerCase();
  if (!words) return rows;
  const found = [];
  let [reached, texts] = [-1, []];
  for (const row of rows) {
    const number = Math.floor(row.number / index.block);
    if (number !== reached) {
      [reached, texts] = [number, await block(place.task, number)];
      await breath();
      if (now !== turn) return null;
    }
    const one = texts[row.number % index.block];
    one.all ??= [row.question, one.id, one.puzzle, one.context, ...one.answers.map((answer) => answer.text)]
      .join("\n").toLowerCase();
    if (one.all.includes(words)) found.push(row);
  }
  return found;
};

const rowOf = (index, row) => {
  const element = make("details", "row");
  const summary = make("summary");
  const marks = make("span", "marks");
  index.models.forEach((name, number) => marks.append(markOf(name, row.gold, row.said[number])));
  const asked = make("span", "asked", row.question);
  asked.dir = "auto";
  summary.append(make("span", "place", String(row.id)), asked, make("span", "gold", LABEL[row.gold]), marks);
  element.append(summary);
  element.dataset.row = row.id;
  element.addEventListener("toggle", async () => {
    if (!element.open) {
      if (place.row === String(row.id)) { place.row = ""; writePlace(place); }
      return;
    }
    place.row = String(row.id);
    writePlace(place);
    if (element.querySelector(".detail")) return;
    element.append(detailOf(index, row, await textsOf(place.task, row.number), (puzzle) => {
      place = { ...START, task: place.task, q: puzzle };
      show();
      form.scrollIntoView();
      form.elements.q.focus({ preventScroll: true });
    }));
  });
  return element;
};

const show = async (arriving = false) => {
  const now = ++turn;
  const index = await unpacked();
  if (now !== turn) return;
  fillForm(index);
  const candidates = passing(index);
  if (place.q) count.textContent = "Searching …";
  const rows = await searched(index, candidates, now);
  if (rows === null) return;
  const last = Math.max(1, Math.ceil(rows.length / PAGE));
  const opened = rows.findIndex((row) => String(row.id) === place.row);
  if (opened < 0) place.row = "";
  let page = Math.min(last, Math.max(1, Number.parseInt(place.page, 10) || 1));
  if (arriving && opened >= 0) page = Math.floor(opened / PAGE) + 1;
  place.page = String(page);
  const shown = rows.slice((page - 1) * PAGE, page * PAGE);
  const elements = shown.map((row) => rowOf(index, row));
  list.replaceChildren(...elements);
  const all = index.unpacked.length.toLocaleString("en");
  count.textContent = rows.length === index.unpacked.length
    ? `${all} rows` : `${rows.length.toLocaleString("en")} of ${all} rows`;
  pages.hidden = last === 1;
  document.getElementById("page").textContent = `Page ${page} of ${last}`;
  document.getElementById("previous").disabled = page === 1;
  document.getElementById("next").disabled = page === last;
  const target = elements[shown.findIndex((row) => String(row.id) === place.row)];
  if (target) target.open = true;
  if (arriving && isPlace()) (target ?? form).scrollIntoView();
  if (!arriving) writePlace(place);
};

const changed = () => {
  const values = Object.fromEntries(new FormData(form));
  const task = values.task ?? place.task;
  // Another task has other models and families.
  place = task === place.task ? { ...START, ...values, task } : { ...START, task, q: values.q };
  show();
};

const turnTo = (step) => {
  place.page = String(Number(place.page) + step);
  place.row = "";
  show().then(() => form.scrollIntoView());
};

let typing = 0;
form.addEventListener("input", (event) => {
  clearTimeout(typing);
  if (event.target.type === "search") typing = setTimeout(changed, 150);
  else changed();
});
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", (event) => {
  event.preventDefault();
  place = { ...START, task: place.task };
  show();
});
document.getElementById("previous").addEventListener("click", () => turnTo(-1));
document.getElementById("next").addEventListener("click", () => turnTo(1));
addEventListener("hashchange", () => {
  if (!isPlace()) return;
  place = readPlace();
  show(true);
});

document.getElementById("needs-script").remove();
form.hidden = false;
if (packed.size) show(true);
