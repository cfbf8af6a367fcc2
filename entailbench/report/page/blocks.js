// The packed rows of the page: gzipped JSON in base64, unpacked when asked for and kept.
const unpack = async (element) => {
  const bytes = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
};

const packed = new Map();
for (const element of document.querySelectorAll("script.packed")) {
  packed.set(`${element.dataset.task}/${element.dataset.block ?? "index"}`, { element, value: null });
}

const block = (task, name) => {
  const entry = packed.get(`${task}/${name}`);
  entry.value ??= unpack(entry.element);
  return entry.value;
};

const indexOf = (task) => block(task, "index");

// The texts of one row, by its place in the task.
const textsOf = async (task, place) => {
  const { block: size } = await indexOf(task);
  return (await block(task, Math.floor(place / size)))[place % size];
};
