// The page `playground.md`: which loss and which values of its options are chosen stands in the address, behind the #,
// so that a curve can be linked to. The numbers are in `playgroundNumbers`, made by playground.py.
"use strict";

const WIDTH = 420, HEIGHT = 280, LEFT = 46, BOTTOM = 22, TOP = 24, RIGHT = 8;
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]; // for the colour-blind too
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];

function element(name, attributes = {}, ...children) {
  const made = name === "svg" || name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.replace("svg:", ""))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// What is chosen: the name of a loss, and of each option which of its values.
function chosen() {
  const [name, ...settings] = decodeURIComponent(location.hash.slice(1)).split("/");
  const loss = playgroundNumbers[name] ? name : "Huber";
  const at = [...playgroundNumbers[loss].start];
  Object.entries(playgroundNumbers[loss].options).forEach(([option, values], place) => {
    const wanted = settings.find((setting) => setting.startsWith(option + "="));
    const found = wanted ? values.findIndex((value) => text(value) === wanted.slice(option.length + 1)) : -1;
    if (found >= 0) at[place] = found;
  });
  return { loss, at };
}

function choose({ loss, at }) {
  const options = Object.entries(playgroundNumbers[loss].options);
  const settings = options.map(([option, values], place) => `${option}=${text(values[at[place]])}`);
  history.replaceState(null, "", "#" + [loss, ...settings].map(encodeURIComponent).join("/"));
}

// As Python writes it.
function text(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return JSON.stringify(value);
  return String(value);
}

function code({ loss, at }) {
  const numbers = playgroundNumbers[loss];
  const moved = Object.entries(numbers.options).map(([option, values], place) => [option, values[at[place]]]);
  const options = [...Object.entries(numbers.needed), ...moved].map(([option, value]) => `${option}=${text(value)}`);
  return `keras_lossbox.${loss}(${options.join(", ")})`;
}

// The curves of a choice: for each label the values and the gradients.
function curves({ loss, at }) {
  const numbers = playgroundNumbers[loss];
  const place = Object.values(numbers.options).reduce((sum, values, option) => sum * values.length + at[option], 0);
  return numbers.curves[place];
}

// Steps of 1, 2 or 5 times a power of ten, about five of them.
function ticks(low, high) {
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough);
  const count = Math.floor(high / step + 1e-9) - Math.ceil(low / step - 1e-9) + 1;
  return Array.from({ length: count }, (_, index) => (Math.ceil(low / step - 1e-9) + index) * step);
}

function shown(number) {
  return number === null ? "not finite" : String(Number(number.toPrecision(4)));
}

// One picture: what is `which` (0 the value, 1 the gradient) of the choice, and in grey of what is kept.
function draw(which, title, choice, kept, pointer) {
  const numbers = playgroundNumbers[choice.loss], [low, high] = numbers.limits;
  const lines = [...(kept ? curves(kept) : []), ...curves(choice)].map((curve) => curve[which]);
  const finite = lines.flat().filter((number) => number !== null);
  let bottom = Math.min(0, ...finite), top = Math.max(0, ...finite);
  if (bottom === top) top = bottom + 1;
  const margin = 0.05 * (top - bottom);
  bottom -= margin, top += margin;
  const across = (x) => LEFT + ((x - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const up = (y) => TOP + ((top - y) / (top - bottom)) * (HEIGHT - TOP - BOTTOM);
  const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  for (const x of ticks(low, high)) {
    svg.append(element("svg:line", { x1: across(x), x2: across(x), y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" }));
    svg.append(element("svg:text", { x: across(x), y: HEIGHT - 6, "text-anchor": "middle" }, shown(x)));
  }
  for (const y of ticks(bottom, top)) {
    svg.append(element("svg:line", { x1: LEFT, x2: WIDTH - RIGHT, y1: up(y), y2: up(y), class: y ? "grid" : "zero" }));
    svg.append(element("svg:text", { x: LEFT - 5, y: up(y) + 4, "text-anchor": "end" }, shown(y)));
  }
  svg.append(element("svg:text", { x: LEFT, y: 14, class: "title" }, title));
  const path = (values) => values.map((value, index) => {
    if (value === null) return "";
    const first = index === 0 || values[index - 1] === null;
    return `${first ? "M" : "L"}${across(point(numbers, index)).toFixed(1)},${up(value).toFixed(1)}`;
  }).join("");
  (kept ? curves(kept) : []).forEach((curve, label) => {
    svg.append(element("svg:path", { d: path(curve[which]), class: "kept", "stroke-dasharray": DASHES[label % 4] }));
  });
  curves(choice).forEach((curve, label) => {
    svg.append(element("svg:path", { d: path(curve[which]), class: "curve", stroke: COLORS[label % 4], "stroke-dasharray": DASHES[label % 4] }));
    if (curve[which][pointer] !== null) {
      svg.append(element("svg:circle", { cx: across(point(numbers, pointer)), cy: up(curve[which][pointer]), r: 4, fill: COLORS[label % 4] }));
    }
  });
  return svg;
}

function point(numbers, index) {
  const [low, high] = numbers.limits;
  return low + ((high - low) * index) / (numbers.curves[0][0][0].length - 1);
}

function slider(label, values, at, moved) {
  const value = element("output", {}, values[at]);
  const input = element("input", { type: "range", min: 0, max: values.length - 1, step: 1, "aria-label": label });
  input.value = at;
  input.addEventListener("input", () => {
    value.textContent = values[input.value];
    moved(Number(input.value));
  });
  return element("label", {}, element("span", {}, label), input, value);
}

function start(place) {
  let choice = chosen(), kept = null, pointer = null;
  const select = element("select", { "aria-label": "loss" });
  for (const name of Object.keys(playgroundNumbers)) select.append(element("option", { value: name }, name));
  const controls = element("div", { class: "controls" }), pictures = element("div", { class: "pictures" });
  const made = element("code", { class: "made" }), reading = element("p", { class: "reading" });
  const keep = element("button", { type: "button", class: "md-button" }, "Keep this curve in grey");
  const legend = element("p", { class: "legend" });

  function refresh() {
    const numbers = playgroundNumbers[choice.loss];
    made.textContent = code(choice);
    pictures.replaceChildren(
      draw(0, "loss", choice, kept, pointer), draw(1, `gradient: d loss / d ${numbers.variable}`, choice, kept, pointer));
    const x = shown(point(numbers, pointer));
    const lines = curves(choice).map(([values, gradients], label) =>
      `${numbers.labels[label] ? numbers.labels[label] + ": " : ""}loss ${shown(values[pointer])}, gradient ${shown(gradients[pointer])}`);
    reading.textContent = `At ${x}: ${lines.join("; ")}.`;
    legend.textContent = `Across: ${numbers.across}.` + (kept ? ` Grey: ${code(kept)}.` : "");
    const named = numbers.labels.filter(Boolean).map((label, index) =>
      element("span", { style: `color: ${COLORS[index % 4]}` }, `${index ? "- - " : "— "}${label}`));
    legend.append(...named.flatMap((label) => [" ", label]));
  }

  function build() {
    const numbers = playgroundNumbers[choice.loss];
    select.value = choice.loss;
    pointer = pointer ?? Math.floor((numbers.curves[0][0][0].length * 3) / 4);
    const count = numbers.curves[0][0][0].length;
    const sliders = Object.entries(numbers.options).map(([option, values], index) =>
      slider(option, values.map(text), choice.at[index], (value) => {
        choice.at[index] = value;
        choose(choice);
        refresh();
      }));
    const reader = slider(numbers.variable, Array.from({ length: count }, (_, index) => shown(point(numbers, index))), pointer, (value) => {
      pointer = value;
      refresh();
    });
    controls.replaceChildren(element("label", {}, element("span", {}, "loss"), select), ...sliders, reader);
    refresh();
  }

  select.addEventListener("change", () => {
    kept = kept && sameAxes(kept.loss, select.value) ? kept : null;
    choice = { loss: select.value, at: [...playgroundNumbers[select.value].start] };
    choose(choice);
    build();
  });
  keep.addEventListener("click", () => {
    kept = { loss: choice.loss, at: [...choice.at] };
    refresh();
  });
  window.addEventListener("hashchange", () => {
    choice = chosen();
    build();
  });
  place.replaceChildren(controls, element("p", {}, made), pictures, legend, reading, keep);
  build();
}

// Whether two losses are drawn over the same thing.
function sameAxes(one, other) {
  const [a, b] = [playgroundNumbers[one], playgroundNumbers[other]];
  return a.across === b.across && a.limits.join() === b.limits.join();
}

start(document.getElementById("loss-playground"));
