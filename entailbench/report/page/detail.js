// One row in full. Every text goes through textContent: what a model wrote is shown, never interpreted.
const SHOWN = 5000;
const TALL = 400;
const LABEL = { e: "entailment", n: "not entailment", u: "unparsed" };
const SIGN = { right: "✓", wrong: "✗", unparsed: "?" };

const make = (tag, classes = "", text = null) => {
  const element = document.createElement(tag);
  if (classes) element.className = classes;
  if (text !== null) element.textContent = text;
  return element;
};

const outcome = (gold, said) => (said === "u" ? "unparsed" : said === gold ? "right" : "wrong");

const markOf = (name, gold, said) => {
  const mark = make("span", "mark");
  const what = outcome(gold, said);
  const sign = make("span", `sign ${what}`, SIGN[what]);
  sign.setAttribute("aria-hidden", "true");
  mark.append(sign, make("bdi", "", name), make("span", "unseen", `: ${what}`));
  return mark;
};

// A long text is cut until asked for, so that 100,000 characters do not slow the page.
const textBox = (text, label, mono = false) => {
  const box = make("pre", mono ? "text mono" : "text", text.length > SHOWN ? text.slice(0, SHOWN) + "…" : text);
  box.dir = "auto";
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", label);
  // What may scroll must be reachable by keyboard.
  if (text.length > TALL || text.split("\n").length > 12) box.tabIndex = 0;
  if (text.length <= SHOWN) return [box];
  const more = make("button", "link-button", `Show all ${text.length.toLocaleString("en")} characters`);
  more.type = "button";
  more.addEventListener("click", () => { box.textContent = text; box.focus(); more.remove(); });
  return [box, more];
};

const definitions = (pairs) => {
  const list = make("dl");
  for (const [what, value] of pairs) if (value) list.append(make("dt", "", what), make("dd", "", value));
  return list;
};

const OUTCOME = { refused: "refused", filtered: "content filter", error: "error" };

const factsOf = (answer, said) => [
  OUTCOME[answer.outcome] ?? LABEL[said],
  answer.threeWay && answer.threeWay !== LABEL[said] ? `three-way: ${answer.threeWay}` : "",
  answer.exact === false && said !== "u" ? "more than a label" : "",
  answer.proof === true ? "valid proof" : answer.proof === false ? "invalid proof" : "",
  answer.probability === null ? "" : `P(entailment) ${answer.probability.toFixed(3)}`,
].filter(Boolean).join(" · ");

const answerOf = (name, row, texts, number) => {
  const answer = texts.answers[number];
  const part = make("div", "answer");
  const heading = make("h3");
  heading.append(markOf(name, row.gold, row.said[number]), make("span", "facts", factsOf(answer, row.said[number])));
  part.append(heading);
  if (answer.text) part.append(...textBox(answer.text, `Answer of ${name}`));
  else if (answer.reason) part.append(make("p", "small quiet", `No answer: ${answer.reason}`));
  else if (answer.probability === null) part.append(make("p", "small quiet", "It wrote nothing."));
  const prompt = typeof answer.prompt === "number" ? texts.answers[answer.prompt].prompt : answer.prompt;
  if (prompt) {
    const fold = make("details");
    fold.append(make("summary", "", `Prompt as sent, ${prompt.length.toLocaleString("en")} characters`));
    fold.append(...textBox(prompt, `Prompt sent to ${name}`, true));
    if (answer.cut) {
      const tokens = `${answer.cut.toLocaleString("en")} ${answer.cut === 1 ? "token" : "tokens"}`;
      part.append(make("p", "small quiet", `Cut at the left: it did not read the first ${tokens} of the prompt.`));
    }
    part.append(fold);
  }
  return part;
};

const otherwiseOf = (index, variants) => {
  const fold = make("details", "otherwise");
  fold.append(make("summary", "", `Put otherwise in ${variants.length} ways`));
  for (const [title, context, question, gold, said] of variants) {
    const marks = make("p", "marks all");
    index.models.forEach((name, number) => marks.append(markOf(name, gold, said[number])));
    fold.append(make("h3", "", `${title} · ${LABEL[gold]}`), ...textBox(`${context}\n\n${question}`, title), marks);
  }
  return fold;
};

const detailOf = (index, row, texts, showPuzzle) => {
  const detail = make("div", "detail");
  const [left, right] = [make("div"), make("div")];
  left.append(make("h3", "", "Puzzle"), ...textBox(texts.context, "Puzzle"));
  left.append(definitions([
    ["label", texts.gold],
    ["truth", texts.truth],
    ["published", texts.published],
    ["verified", texts.verified],
    ...index.facets.map((name, number) => [name.replace("_", " "), String(row.facets[number])]),
    ["id", texts.id],
  ]));
  if (texts.proof) left.append(make("h3", "", "Proof"), ...textBox(texts.proof, "Proof"));
  if (texts.otherwise.length) left.append(otherwiseOf(index, texts.otherwise));
  const same = make("button", "link-button", "All questions on this puzzle");
  same.type = "button";
  same.addEventListener("click", () => showPuzzle(texts.puzzle));
  left.append(same);
  index.models.forEach((name, number) => right.append(answerOf(name, row, texts, number)));
  if (index.baselines.length) {
    right.append(make("h3", "", "Baselines"));
    const marks = make("p", "marks all");
    index.baselines.forEach((name, number) =>
      marks.append(markOf(name, row.gold, row.said[index.models.length + number])));
    right.append(marks);
  }
  detail.append(left, right);
  return detail;
};
