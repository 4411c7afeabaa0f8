// Keeps a page up to date: cells by name, longer parts, charts; says when it is stale. No other program is needed.
import { Charts } from "./charts.js";

const body = document.body;
const banner = document.getElementById("stale");
const { topic, boot } = body.dataset;
const STALE_MS = 2500;
const RETRY_MS = 1000;

const cells = new Map();
for (const cell of document.querySelectorAll("[data-k]")) {
  const key = cell.dataset.k;
  if (!cells.has(key)) cells.set(key, []);
  cells.get(key).push(cell);
}
const gauges = new Map();
for (const mark of document.querySelectorAll("[data-g]")) {
  if (!gauges.has(mark.dataset.g)) gauges.set(mark.dataset.g, []);
  gauges.get(mark.dataset.g).push((value) => mark.setAttribute("transform", `translate(${value === "" ? -10 : value} 0)`));
}
for (const band of document.querySelectorAll("[data-g1]")) {
  const end = (name, key) => {
    if (!gauges.has(key)) gauges.set(key, []);
    gauges.get(key).push((value) => band.setAttribute(name, String(2 + Number(value))));
  };
  end("x1", band.dataset.g1);
  end("x2", band.dataset.g2);
}

for (const field of document.querySelectorAll("[data-v]")) {
  const key = field.dataset.v;
  if (!gauges.has(key)) gauges.set(key, []);
  gauges.get(key).push((value) => {
    field.value = value;
    field.form.hidden = !value;
  });
}

// Changes name a cell by its place among all of the page, as the last whole update gave them.
let order = [];

function named(changed) {
  return Object.fromEntries(Object.entries(changed).map(([place, cell]) => [order[place], Array.isArray(cell) ? cell : [cell, ""]]));
}

function showCells(changed) {
  for (const [key, [text, state]] of Object.entries(changed)) {
    for (const cell of cells.get(key) ?? []) {
      if (cell.textContent !== text) cell.textContent = text;
      if (cell.dataset.s !== state) cell.dataset.s = state;
    }
    for (const move of gauges.get(key) ?? []) move(text);
  }
}

// A part is replaced only if nobody is writing in it; what had the focus gets it back.
function showParts(changed) {
  for (const [name, html] of Object.entries(changed)) {
    for (const place of document.querySelectorAll(`[data-h="${CSS.escape(name)}"]`)) {
      const active = document.activeElement;
      if (place.contains(active) && active.matches("input:not([type=hidden]), textarea, select")) continue;
      const id = place.contains(active) ? active.id : "";
      place.innerHTML = html;
      if (id) document.getElementById(id)?.focus();
    }
  }
}

const charts = new Charts(topic);
let heard = performance.now();
let quiet = 0;

function stale(why) {
  banner.textContent = why;
  banner.hidden = !why;
  body.classList.toggle("stale", Boolean(why));
}

function judge() {
  const silent = performance.now() - heard;
  const since = new Date(Date.now() - silent).toLocaleTimeString();
  if (silent > STALE_MS) stale(`no word from the console since ${since}; what is shown is old`);
  else if (quiet > STALE_MS / 1000) stale(`no new cycle for ${Math.round(quiet)} s; what is shown is old`);
  else stale("");
}

function open() {
  const source = new EventSource(`/events?topic=${encodeURIComponent(topic)}`);
  source.addEventListener("boot", (event) => {
    if (event.data !== boot) location.reload();
  });
  source.addEventListener("beat", (event) => {
    heard = performance.now();
    quiet = Number(event.data);
    judge();
  });
  source.addEventListener("over", () => location.reload());
  source.onmessage = (event) => {
    heard = performance.now();
    quiet = 0;
    const data = JSON.parse(event.data);
    if (data.full) order = Object.keys(data.c);
    if (data.c) showCells(data.c);
    if (data.d) showCells(named(data.d));
    if (data.h) showParts(data.h);
    charts.take(data);
    judge();
  };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(open, RETRY_MS);
  };
  return source;
}

if (topic) {
  open();
  setInterval(judge, 250);
}

document.getElementById("theme")?.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `steadyline_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
  charts.draw();
});

for (const field of document.querySelectorAll("[data-filter]")) {
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase();
    for (const row of document.querySelectorAll(`${field.dataset.filter} tbody tr`)) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  });
}

// A fragment that takes its time is fetched once the page stands.
for (const place of document.querySelectorAll("[data-fetch]")) {
  fetch(place.dataset.fetch).then(async (answer) => {
    if (answer.ok) place.innerHTML = await answer.text();
    else place.firstElementChild.textContent = (await answer.text()).slice(0, 200);
    charts.find(place);
  });
}
