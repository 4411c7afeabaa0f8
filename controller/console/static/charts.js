// Charts of a page with plotly.js: values as they come, targets, limits, what the plan expects, moves and events.
const KEPT = 3600;
const SPAN_S = 1800;

function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

const when = (at) => new Date(at * 1000).toISOString();
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset" };

export class Charts {
  constructor(topic) {
    this.topic = topic;
    this.places = new Map();
    this.figures = new Map();
    this.rows = { at: [] };
    this.waiting = false;
    this.find(document);
    if (this.places.size) this.load();
  }

  find(root) {
    for (const place of root.querySelectorAll("[data-chart]")) this.places.set(place.dataset.chart, place);
    for (const place of root.querySelectorAll("[data-figure]")) this.still(place);
  }

  async load() {
    const last = this.rows.at.at(-1);
    const since = last === undefined ? "" : `&since=${last}`;
    const answer = await fetch(`/api/charts?topic=${encodeURIComponent(this.topic)}${since}`);
    if (!answer.ok) return;
    const { charts, rows } = await answer.json();
    for (const chart of charts) this.figures.set(chart.key, chart);
    this.append(rows);
    this.draw();
  }

  take(data) {
    if (!this.places.size) return;
    if (data.x) for (const [key, more] of Object.entries(data.x)) Object.assign(this.figures.get(key) ?? {}, more);
    if (data.full && this.rows.at.length) this.load();
    if (data.t) this.append(data.t);
    if (data.t || data.x) this.draw();
  }

  append(rows) {
    const last = this.rows.at.at(-1) ?? -Infinity;
    const first = rows.at.findIndex((at) => at > last);
    if (first < 0) return;
    const had = this.rows.at.length;
    for (const [key, values] of Object.entries(rows)) {
      this.rows[key] ??= new Array(had).fill(null);
      this.rows[key].push(...values.slice(first));
      if (this.rows[key].length > KEPT) this.rows[key].splice(0, this.rows[key].length - KEPT);
    }
  }

  draw() {
    if (this.waiting || !window.Plotly) {
      if (!window.Plotly) setTimeout(() => this.draw(), 100);
      return;
    }
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      for (const [key, place] of this.places) if (this.figures.has(key)) this.one(place, this.figures.get(key));
      for (const place of document.querySelectorAll("[data-figure]")) this.still(place);
    });
  }

  one(place, figure) {
    const look = { ink: colour("ink"), soft: colour("soft"), trace: colour("trace"), line: colour("line"), wait: colour("wait") };
    const now = this.rows.at.at(-1) ?? 0;
    const begin = Math.max(this.rows.at[0] ?? now, now - SPAN_S);
    const at = this.rows.at.map(when);
    const data = figure.traces.map((trace, n) => ({
      x: at, y: this.rows[trace.tag] ?? [], name: trace.name, mode: "lines", connectgaps: false,
      line: { color: n ? look.soft : look.trace, width: n ? 1.2 : 2, shape: trace.look === "step" ? "hv" : "linear", dash: ["solid", "dot", "dash", "dashdot", "longdash"][n % 5] },
      hovertemplate: "%{y}<extra></extra>",
    }));
    let end = now;
    if (figure.ahead) {
      const ahead = figure.ahead.at;
      end = Math.max(end, ahead.at(-1));
      data.push({ x: ahead.map(when), y: figure.ahead.y, mode: "lines", line: { color: look.trace, width: 2, dash: "dash" }, hovertemplate: "plan %{y}<extra></extra>" });
    }
    const moves = (figure.moves ?? []).filter(([when_]) => when_ >= begin);
    if (moves.length) {
      data.push({ x: moves.map(([t]) => when(t)), y: moves.map(([, y]) => y), mode: "markers", marker: { symbol: "triangle-right", size: 7, color: look.ink }, hovertemplate: "move %{y}<extra></extra>" });
    }
    const across = (value, dash, width) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value, line: { color: look.soft, width, dash } });
    const shapes = [];
    if (figure.target !== null && figure.target !== undefined) shapes.push(across(figure.target, "solid", 1));
    for (const limit of [figure.low, figure.high]) if (limit !== null && limit !== undefined) shapes.push(across(limit, "dash", 1.5));
    for (const [t] of (figure.events ?? []).filter(([t_]) => t_ >= begin)) {
      shapes.push({ type: "line", x0: when(t), x1: when(t), yref: "paper", y0: 0, y1: 0.08, line: { color: look.wait, width: 3 } });
    }
    if (figure.ahead) shapes.push({ type: "line", x0: when(now), x1: when(now), yref: "paper", y0: 0, y1: 1, line: { color: look.line, width: 1 } });
    const long = Boolean(figure.legend);
    this.react(place, data, figure.title, look, { range: [when(begin), when(end)], type: "date" }, shapes, long);
  }

  // A chart that was drawn from something that does not change.
  still(place) {
    if (!window.Plotly) {
      setTimeout(() => this.still(place), 100);
      return;
    }
    const figure = JSON.parse(place.dataset.figure);
    const look = { ink: colour("ink"), soft: colour("soft"), trace: colour("trace"), line: colour("line") };
    const dashes = ["solid", "dash", "dot", "dashdot"];
    const calm = figure.traces.findIndex((trace) => trace.faint);
    const data = figure.traces.map(({ faint, ...trace }, n) => ({ ...trace, mode: "lines",
      opacity: faint ? 0.6 : 1, line: faint ? { color: look.soft, width: 1 } : { color: n % 4 ? look.soft : look.trace, width: 2.5, dash: dashes[n % 4] },
      ...(faint ? { name: figure.traces.length - calm > 1 ? figure.calm ?? "within 3 sd" : trace.name, hovertext: trace.name, legendgroup: "calm", showlegend: n === calm } : {}) })).reverse();
    const shapes = (figure.levels ?? []).map((y) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: look.soft, width: 1, dash: "dot" } }));
    this.react(place, data, figure.title, look, { title: { text: figure.x } }, shapes, true);
  }

  react(place, data, title, look, xaxis, shapes, legend = false) {
    const axis = { gridcolor: look.line, gridwidth: 0.4, zeroline: false, linecolor: look.line, automargin: true };
    const layout = {
      title: { text: title, font: { size: 14, color: look.ink }, x: 0.01, xanchor: "left", y: 0.97 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: look.ink, size: 12 },
      margin: { t: 38, r: 14, b: legend ? 96 : 40, l: 56 }, showlegend: legend, legend: { orientation: "h", x: 0, xanchor: "left", y: xaxis.title ? -0.34 : -0.24, yanchor: "top", bgcolor: "rgba(0,0,0,0)" },
      xaxis: { ...axis, ...xaxis }, yaxis: { ...axis }, shapes, hovermode: "x",
    };
    window.Plotly.react(place, data, layout, CONFIG);
  }
}
