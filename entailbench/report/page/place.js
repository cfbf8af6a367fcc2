// Which rows are shown, kept in the address: a link to the page as it is now can be sent on.
const START = { task: "0", q: "", model: "", is: "", gold: "", family: "", differ: "", page: "1", row: "" };

const readPlace = () => {
  const found = { ...START };
  const hash = location.hash.slice(1);
  if (!hash.includes("=")) return found;
  for (const [name, value] of new URLSearchParams(hash)) if (name in START) found[name] = value;
  return found;
};

const isPlace = () => location.hash.includes("=");

const writePlace = (place) => {
  const changed = Object.entries(place).filter(([name, value]) => value !== START[name]);
  // Nothing chosen: "all=" keeps the address one of rows and not of a section.
  const hash = new URLSearchParams(changed.length ? changed : [["all", ""]]).toString();
  if (location.hash.slice(1) !== hash) history.replaceState(null, "", `#${hash}`);
};
