"use strict";
// Draws what the page's data says; what is optimal, confirmed or attained was worked out before.
const chapters = JSON.parse(document.getElementById("page-data").textContent);
const number = (value, digits = 3) =>
  value === null || value === undefined ? "" :
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(digits)));
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const narrow = () => window.innerWidth < 700;
// A viewer such as MLflow's shows a page in a sandboxed frame, whose links open nothing and whose anchors lead nowhere.
const framed = window.self !== window.top && window.origin === "null";
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: "reset", scrollZoom: false };

function axis(title, extra = {}) {
  return {
    title: { text: title, font: { size: 13 }, standoff: 8 }, gridcolor: colour("grid"), linecolor: colour("line"), zeroline: false,
    ticks: "outside", tickcolor: colour("line"), automargin: true, fixedrange: narrow(), ...extra,
  };
}
// The ends are given, and so are the ticks: round numbers, never one alone.
function logAxis(title, values, extra = {}) {
  const known = values.filter((value) => value > 0).map(Math.log10);
  let low = Math.min(...known), high = Math.max(...known);
  const room = Math.max(0.06 * (high - low), 0.04);
  [low, high] = [low - room, high + room];
  const ticks = high - low < 0.4 ? evenTicks(10 ** low, 10 ** high) : [];
  const steps = high - low < 0.8 ? [1, 1.5, 2, 3, 4, 5, 7] : high - low < (narrow() ? 1.4 : 3) ? [1, 2, 5] : high - low < 4 ? [1, 3] : [1];
  if (!ticks.length)
  for (let decade = Math.floor(low); decade <= high; decade++)
    for (const step of steps) {
      const value = step * 10 ** decade;
      if (Math.log10(value) >= low && Math.log10(value) <= high) ticks.push(value);
    }
  return axis(title, { type: "log", range: [low, high], tickvals: ticks, ticktext: ticks.map(shortened), ...extra });
}
function linearAxis(title, values) {
  const known = values.filter((value) => typeof value === "number"), low = Math.min(...known), high = Math.max(...known), room = 0.06 * (high - low || 1);
  return axis(title, { range: [low - room, high + room] });
}
// Some five round numbers between two ends that are near each other.
function evenTicks(low, high) {
  const rough = (high - low) / 5, size = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find((n) => n * size >= rough) * size;
  const ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) ticks.push(Number((k * step).toPrecision(6)));
  return ticks;
}
function shortened(value) {
  if (value >= 1e6) return Number((value / 1e6).toPrecision(3)) + " M";
  return value >= 1e3 ? Number((value / 1e3).toPrecision(3)) + " k" : String(Number(value.toPrecision(3)));
}
function layout(extra = {}) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("ink") },
    margin: { l: 56, r: 18, t: 18, b: 48 }, hovermode: "closest", dragmode: narrow() ? false : "zoom", showlegend: true,
    legend: { orientation: "h", y: -0.2, yanchor: "top", x: 0, font: { size: 11 } },
    hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("line"), font: { color: colour("ink") } }, ...extra,
  };
}
const line = (shape) => ({ type: "line", line: { width: 1.2, color: colour("soft"), ...shape.line }, layer: "below", ...shape });

// --- the frontier ------------------------------------------------------------------------------
function rowOf(chapter, trial) { return chapter.trials.trial.indexOf(trial); }
function pick(chapter, test) {
  return chapter.trials.trial.map((_, i) => i).filter((i) => chapter.trials.final[i] && test(i));
}
function frontierTraces(chapter, view, cost, quality) {
  const trials = chapter.trials, on = new Set(view.frontier);
  const points = (rows, extra) => ({
    x: rows.map((i) => trials[cost][i]), y: rows.map((i) => trials[quality][i]), customdata: rows.map((i) => trials.trial[i]),
    mode: "markers", type: "scatter", hoverinfo: "none", ...extra,
  });
  const distilled = pick(chapter, (i) => trials.mode[i] === "distilled" && !(trials.phase[i] !== "confirm" && on.has(trials.trial[i])));
  const scratch = pick(chapter, (i) => trials.mode[i] === "scratch");
  const frontier = view.frontier.map((trial) => rowOf(chapter, trial));
  const confirmed = view.confirmed.length > 0, traces = [];
  if (view.band) {
    const band = view.band, step = (x, y, extra) => ({ x, y, mode: "lines", line: { shape: "hv", width: 0, color: colour("sky") }, hoverinfo: "skip", type: "scatter", ...extra });
    traces.push(step(band.x, band.worst, { showlegend: false }));
    traces.push(step(band.x, band.best, { fill: "tonexty", fillcolor: colour("sky") + "38", name: band.words }));
    traces.push(step(band.middle.map((p) => p[0]), band.middle.map((p) => p[1]), { line: { shape: "hv", width: 2, color: colour("blue") }, name: band.middle_words }));
  }
  traces.push(points(distilled, { name: "finished trial", marker: { size: 6, color: colour("grey"), opacity: 0.5 } }));
  if (scratch.length) traces.push(points(scratch, { name: "from scratch", marker: { size: 8, symbol: "x-thin", line: { width: 1.8, color: colour("orange") } } }));
  traces.push(points(frontier, {
    name: confirmed ? "frontier as searched" : "Pareto frontier", mode: "lines+markers",
    line: { shape: "hv", width: confirmed ? 1.2 : 2, dash: confirmed ? "dash" : "solid", color: colour(confirmed ? "grey" : "blue") },
    marker: { size: confirmed ? 6 : 9, color: colour(confirmed ? "grey" : "blue"), line: { width: 1.5, color: colour("surface") } },
  }));
  if (confirmed) {
    const rows = view.confirmed;
    traces.push({
      x: rows.map((row) => row.cost), y: rows.map((row) => row.confirmed), customdata: rows.map((row) => row.trial), mode: "markers", type: "scatter", hoverinfo: "none",
      name: "fresh seeds: median and range", marker: { size: 9, color: colour("blue"), line: { width: 1.5, color: colour("surface") } },
      error_y: {
        type: "data", symmetric: false, color: colour("blue"), thickness: 1.6, width: 0,
        array: rows.map((row) => row.confirmed_high - row.confirmed), arrayminus: rows.map((row) => row.confirmed - row.confirmed_low),
      },
    });
  }
  if (view.teacher[0] !== null && view.teacher[0] !== undefined && view.teacher[1] !== null && view.teacher[1] !== undefined)
    traces.push({
      x: [view.teacher[0]], y: [view.teacher[1]], mode: "markers", type: "scatter", name: "teacher", hovertemplate: "teacher: %{y:.3~g}<extra></extra>",
      marker: { symbol: "star", size: 17, color: colour("vermilion"), line: { width: 1.2, color: colour("surface") } },
    });
  return traces.filter((trace) => trace.x.length);
}
function frontierShapes(chapter, view, range) {
  const shapes = [], notes = [], limit = chapter.limit;
  const label = (text, extra) => notes.push({ text, showarrow: false, font: { size: 11, color: colour("soft") }, ...extra });
  if (view.real !== null && view.real !== undefined) {
    shapes.push(line({ xref: "paper", x0: 0, x1: 1, y0: view.real, y1: view.real, line: { width: 1.4, dash: "dot", color: colour("green") } }));
    label("real held-out images", { xref: "paper", x: 1, xanchor: "right", y: view.log ? Math.log10(view.real) : view.real, yanchor: "top", font: { size: 11, color: colour("green") } });
  }
  if (view.threshold !== null && view.threshold !== undefined) {
    shapes.push(line({ xref: "paper", x0: 0, x1: 1, y0: view.threshold, y1: view.threshold, line: { width: 1.2, dash: "dash", color: colour("soft") } }));
    label("the rule", { xref: "paper", x: 1, xanchor: "right", y: view.log ? Math.log10(view.threshold) : view.threshold, yanchor: "bottom" });
  }
  if (view.shows_limit && limit.parameters) {
    if (limit.interval)
      shapes.push({ type: "rect", yref: "paper", y0: 0, y1: 1, x0: limit.interval[0] ?? 10 ** range[0], x1: limit.interval[1] ?? 10 ** range[1], fillcolor: colour("ink"), opacity: 0.08, line: { width: 0 }, layer: "below" });
    shapes.push(line({ yref: "paper", y0: 0, y1: 1, x0: limit.parameters, x1: limit.parameters, line: { width: 1.6, color: colour("ink") } }));
    const right = Math.log10(limit.parameters) > (range[0] + range[1]) / 2;
    label(" " + (narrow() ? limit.label.split(",")[0] : limit.label) + " ", { x: Math.log10(limit.parameters), xanchor: right ? "right" : "left", yref: "paper", y: 1, yanchor: "top", font: { size: 13, color: colour("ink") } });
  }
  return [shapes, notes];
}
function drawFrontier(element, chapter) {
  const [cost, quality] = chapter.view.split("|"), view = chapter.views[chapter.view];
  const traces = frontierTraces(chapter, view, cost, quality), columns = chapter.columns;
  const teacher = view.teacher.map((value) => (value === undefined ? null : value));
  const xs = traces.flatMap((trace) => trace.x), ys = traces.flatMap((trace) => trace.y).concat([view.real, view.threshold, teacher[1]]);
  const xaxis = logAxis(columns[cost].axis, xs), log = columns[quality].log;
  view.log = log;
  const yaxis = log ? logAxis(columns[quality].axis, ys) : linearAxis(columns[quality].axis, ys);
  if (log) yaxis.range[1] += 0.06 * (yaxis.range[1] - yaxis.range[0]); // for the limit's own words
  const [shapes, annotations] = frontierShapes(chapter, view, xaxis.range);
  const shown = layout({ xaxis, yaxis, shapes, annotations, margin: { l: 60, r: 20, t: 46, b: 48 } });
  if (cost === "parameters" && chapter.teacher_parameters) {
    // The compression ratio above: the same places, other numbers.
    const ratios = xaxis.range.map((end) => chapter.teacher_parameters / 10 ** end);
    const over = logAxis("compression ratio", ratios);
    shown.xaxis2 = { ...axis("compression ratio"), type: "log", overlaying: "x", side: "top", showgrid: false, range: xaxis.range, matches: "x",
      tickvals: over.tickvals.map((ratio) => chapter.teacher_parameters / ratio), ticktext: over.tickvals.map(shortened) };
    traces.push({ x: [xs.find((x) => x > 0)], y: [null], xaxis: "x2", showlegend: false, hoverinfo: "skip", type: "scatter" });
  }
  Plotly.react(element, traces, shown, CONFIG);
}

// --- the other charts ----------------------------------------------------------------------------
function drawGain(element, chapter) {
  const gain = chapter.gains[element.dataset.gain], sizes = gain.sizes;
  const traces = [{
    x: sizes.map((size) => size.parameters), y: sizes.map((size) => size.ratio), mode: "markers", type: "scatter", name: "one architecture",
    marker: { size: 9, color: colour("blue"), line: { width: 1.2, color: colour("surface") } },
    error_y: { type: "data", symmetric: false, color: colour("blue"), thickness: 1.6, width: 0, array: sizes.map((s) => (s.high ?? s.ratio) - s.ratio), arrayminus: sizes.map((s) => s.ratio - (s.low ?? s.ratio)) },
    text: sizes.map((s) => s.wins + " of " + s.pairs + " pairs won"), hovertemplate: "%{x:,} parameters: %{y:.2f} times<br>%{text}<extra></extra>",
  }];
  const shapes = [line({ xref: "paper", x0: 0, x1: 1, y0: 1, y1: 1, line: { dash: "dash" } }), line({ xref: "paper", x0: 0, x1: 1, y0: gain.ratio, y1: gain.ratio, line: { color: colour("blue") } })];
  if (gain.low !== null) shapes.push({ type: "rect", xref: "paper", x0: 0, x1: 1, y0: gain.low, y1: gain.high, fillcolor: colour("blue"), opacity: 0.13, line: { width: 0 }, layer: "below" });
  const ys = sizes.flatMap((s) => [s.ratio, s.low, s.high]).concat([1, gain.ratio]);
  Plotly.react(element, traces, layout({ xaxis: logAxis("generator parameters", traces[0].x), yaxis: logAxis(gain.axis, ys), shapes, showlegend: false }), CONFIG);
}
function drawSharpness(element, chapter) {
  const looks = { "distilled, MSE": ["green", "square"], "distilled, joint": ["blue", "circle"], "distilled, other": ["sky", "diamond"], "from scratch": ["orange", "x-thin"] };
  const traces = Object.entries(chapter.sharpness.schemes).map(([scheme, points]) => {
    const [name, symbol] = looks[scheme];
    return {
      x: points.parameters, y: points.share, mode: "markers", type: "scatter", name: scheme, text: points.trial, hovertemplate: "trial %{text}: %{y:.2f} times the teacher's<extra>" + scheme + "</extra>",
      marker: { size: 7, symbol, color: colour(name), line: { width: symbol === "x-thin" ? 1.6 : 0.8, color: symbol === "x-thin" ? colour(name) : colour("surface") } },
    };
  });
  const real = chapter.sharpness.real;
  const shapes = [line({ xref: "paper", x0: 0, x1: 1, y0: 1, y1: 1, line: { width: 1.5, color: colour("vermilion") } })];
  if (real !== null) shapes.push(line({ xref: "paper", x0: 0, x1: 1, y0: real, y1: real, line: { width: 1.4, dash: "dot", color: colour("green") } }));
  const note = (text, y, shade, yanchor) => ({ text, showarrow: false, xref: "paper", x: shade === "green" ? 1 : 0, xanchor: shade === "green" ? "right" : "left", y: Math.log10(y), yanchor, font: { size: 11, color: colour(shade) } });
  const annotations = [note("teacher", 1, "vermilion", "bottom")].concat(real === null ? [] : [note("real images", real, "green", "top")]);
  const ys = traces.flatMap((trace) => trace.y).concat([1, real ?? 1]);
  Plotly.react(element, traces, layout({ xaxis: logAxis("generator parameters", traces.flatMap((t) => t.x)), yaxis: logAxis("sharpness / the teacher's", ys), shapes, annotations }), CONFIG);
}
function drawProgress(element, chapter) {
  const progress = chapter.progress, select = element.closest("figure").querySelector("select");
  select.onchange = () => drawProgress(element, chapter);
  const trace = { x: progress[select.value], y: progress.share, text: progress.trials, mode: "lines", type: "scatter", line: { shape: "hv", width: 2, color: colour("blue") }, customdata: progress.kimg, hovertemplate: "after %{text} trials, %{customdata:,.0f} kimg: %{y:.1%}<extra></extra>" };
  Plotly.react(element, [trace], layout({ showlegend: false, xaxis: axis(select.value === "kimg" ? "images seen by all students [kimg]" : "trials of the search", { rangemode: "tozero" }), yaxis: axis("share dominated", { tickformat: ".0%", rangemode: "tozero" }) }), CONFIG);
}
function drawImportance(element, chapter) {
  const rows = chapter.importances;
  const trace = { type: "bar", orientation: "h", y: rows.map((row) => row[0]), x: rows.map((row) => row[1]), marker: { color: colour("blue") }, text: rows.map((row) => Math.round(100 * row[1]) + "%"), textposition: "auto", hoverinfo: "skip" };
  Plotly.react(element, [trace], layout({ showlegend: false, xaxis: axis("share of the variation", { tickformat: ".0%" }), yaxis: axis("") }), CONFIG);
}
function drawSpace(element, chapter) {
  const space = chapter.space, trials = chapter.trials, columns = chapter.columns;
  const rows = pick(chapter, (i) => trials.mode[i] === "distilled" && trials[space.metric][i] !== null);
  const step = (y, extra) => ({ x: space.sizes, y, mode: "lines", type: "scatter", hoverinfo: "skip", line: { shape: "hv", width: 0, color: colour("sky") }, ...extra });
  const tried = rows.map((i) => trials[space.metric][i]);
  const traces = [
    step(space.worst, { showlegend: false }),
    step(space.best, { fill: "tonexty", fillcolor: colour("sky") + "38", name: "95% band" }),
    step(space.middle, { name: "best student of at most this size", line: { shape: "hv", width: 2, color: colour("blue") } }),
    { x: rows.map((i) => trials[space.cost][i]), y: tried, text: rows.map((i) => trials.trial[i]), mode: "markers", type: "scatter", name: "student that was trained", marker: { size: 6, color: colour("grey") }, hovertemplate: "trial %{text}: %{y:.3~g}<extra></extra>" },
    { x: space.sizes, y: space.chances, yaxis: "y2", type: "scatter", mode: "markers", name: "chance to be the limit", marker: { size: 5, color: colour("vermilion") }, hovertemplate: "%{x:,}" + space.noun + ": %{y:.0%}<extra></extra>",
      error_y: { type: "data", symmetric: false, array: space.sizes.map(() => 0), arrayminus: space.chances, width: 0, thickness: 2, color: colour("vermilion") } },
  ];
  const far = columns[space.metric].higher ? (y) => y > space.threshold / 8 : (y) => y < space.threshold * 8;
  const xaxis = logAxis(space.quantity, space.sizes), yaxis = logAxis(columns[space.metric].axis, tried.concat(space.middle, [space.threshold]).filter(far));
  const shapes = [line({ xref: "paper", x0: 0, x1: 1, y0: space.threshold, y1: space.threshold, line: { width: 1.2, dash: "dash", color: colour("soft") } })];
  if (space.interval[0]) shapes.push({ type: "rect", yref: "paper", y0: 0, y1: 1, x0: space.interval[0], x1: space.interval[1] ?? 10 ** xaxis.range[1], fillcolor: colour("ink"), opacity: 0.08, line: { width: 0 }, layer: "below" });
  const annotations = [{ text: "the rule", showarrow: false, xref: "paper", x: 1, xanchor: "right", y: Math.log10(space.threshold), yanchor: "bottom", font: { size: 11, color: colour("soft") } }];
  const shown = layout({ xaxis: { ...xaxis, anchor: "y2" }, yaxis: { ...yaxis, domain: [0.27, 1] }, shapes, annotations });
  shown.yaxis2 = axis("chance", { tickformat: ".0%", rangemode: "tozero", domain: [0, 0.2] });
  Plotly.react(element, traces, shown, CONFIG);
}
function drawDevice(element, chapter) {
  const device = chapter.device, select = element.closest("figure").querySelector("select");
  select.onchange = () => drawDevice(element, chapter);
  const view = device.views[select.value], symbols = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "triangle-left"], shades = ["blue", "orange", "green", "sky", "vermilion", "grey"];
  const traces = [{
    x: view.frontier.map((p) => p.x), y: view.frontier.map((p) => p.y), mode: "lines", type: "scatter", name: "Pareto frontier over all forms", hoverinfo: "skip", line: { shape: "hv", width: 1.6, color: colour("soft") },
  }];
  device.forms.forEach((form, k) => {
    const points = view.points.filter((p) => p.form === form), star = view.teachers[form], shade = colour(shades[k % shades.length]);
    traces.push({
      x: points.map((p) => p.x), y: points.map((p) => p.y), text: points.map((p) => p.words), mode: "markers", type: "scatter", name: form, hovertemplate: "%{text}<extra></extra>",
      marker: { symbol: symbols[k % symbols.length], size: 10, color: shade, line: { width: 1.2, color: colour("surface") } },
    });
    if (star) traces.push({
      x: [star.x], y: [star.y], text: [star.words], mode: "markers", type: "scatter", name: "teacher, " + form, hovertemplate: "%{text}<extra></extra>",
      marker: { symbol: "star", size: 17, color: shade, line: { width: 1.2, color: colour("surface") } },
    });
  });
  const xs = traces.flatMap((trace) => trace.x), ys = traces.flatMap((trace) => trace.y).concat([device.threshold]);
  const xaxis = logAxis(view.axis, xs), yaxis = device.log ? logAxis(device.axis, ys) : linearAxis(device.axis, ys), shapes = [], annotations = [];
  if (device.threshold !== null) {
    shapes.push(line({ xref: "paper", x0: 0, x1: 1, y0: device.threshold, y1: device.threshold, line: { width: 1.2, dash: "dash" } }));
    annotations.push({ text: "the rule", showarrow: false, xref: "paper", x: 1, xanchor: "right", y: device.log ? Math.log10(device.threshold) : device.threshold, yanchor: "bottom", font: { size: 11, color: colour("soft") } });
  }
  if (view.limit) {
    const { amount, low, high, label } = view.limit, right = Math.log10(amount) > (xaxis.range[0] + xaxis.range[1]) / 2;
    if (view.limit.interval) shapes.push({ type: "rect", yref: "paper", y0: 0, y1: 1, x0: low ?? 10 ** xaxis.range[0], x1: high ?? 10 ** xaxis.range[1], fillcolor: colour("ink"), opacity: 0.08, line: { width: 0 }, layer: "below" });
    shapes.push(line({ yref: "paper", y0: 0, y1: 1, x0: amount, x1: amount, line: { width: 1.6, color: colour("ink") } }));
    annotations.push({ text: " " + label + " ", showarrow: false, x: Math.log10(amount), xanchor: right ? "right" : "left", yref: "paper", y: 1, yanchor: "top", font: { size: 13, color: colour("ink") } });
  }
  Plotly.react(element, traces.filter((trace) => trace.x.length), layout({ xaxis, yaxis, shapes, annotations }), CONFIG);
}
const DRAW = { device: drawDevice, space: drawSpace, frontier: drawFrontier, gain: drawGain, sharpness: drawSharpness, progress: drawProgress, importance: drawImportance };

// --- a student's card, by pointer or arrow keys -----------------------------------------------------
const card = document.querySelector("[data-card]");
function facts(chapter, trial) {
  const i = rowOf(chapter, trial), t = chapter.trials, found = [];
  const add = (name, value) => { if (value !== null && value !== undefined && value !== "") found.push([name, value]); };
  add("parameters", number(t.parameters[i]) + " (1/" + t.compression_ratio[i].toFixed(1) + ")");
  add("width, depth", (t.stage_widths[i] ?? t.width[i]) + ", " + t.depth[i] + (t.block[i] === "dcgan" ? "" : " " + t.block[i]));
  add("rank", t.first_layer_rank[i]);
  add("GAN weight", t.gan_weight[i] === null ? "" : number(t.gan_weight[i]));
  add("scheme", t.scheme[i]);
  for (const [name, value] of Object.entries(JSON.parse(t.settings[i] ?? "{}"))) add(name, typeof value === "number" ? number(value) : value);
  add("seed", String(t.seed[i])); add("kimg", number(t.kimg[i])); add("FID", number(t.fid[i])); add("IS", number(t.inception_score[i])); add("sharpness", number(t.sharpness[i]));
  const confirmed = chapter.views[chapter.view].confirmed.find((row) => row.trial === trial);
  if (confirmed) add("fresh seeds", number(confirmed.confirmed) + " (" + number(confirmed.confirmed_low) + " to " + number(confirmed.confirmed_high) + "), " + confirmed.confirmed_seeds);
  return [t.phase[i] + " trial " + trial + (t.mode[i] === "scratch" ? ", from scratch" : ""), found];
}
function showCard(article, chapter, trial, x, y) {
  const [title, found] = facts(chapter, trial);
  card.replaceChildren(Object.assign(document.createElement("b"), { textContent: title }));
  const list = card.appendChild(document.createElement("dl"));
  for (const [name, value] of found) {
    list.appendChild(document.createElement("dt")).textContent = name;
    list.appendChild(document.createElement("dd")).textContent = value;
  }
  const strip = article.querySelector('img[data-strip="' + trial + '"]');
  if (strip) drawGrid(card.appendChild(document.createElement("canvas")), strip);
  card.hidden = false;
  const box = card.getBoundingClientRect();
  card.style.left = Math.max(8, Math.min(x + 16, window.innerWidth - box.width - 8)) + "px";
  card.style.top = Math.max(8, Math.min(y - box.height / 2, window.innerHeight - box.height - 8)) + "px";
  return title + ": " + found.map(([name, value]) => name + " " + value).join(", ");
}
// The strip's images in rows of four.
function drawGrid(canvas, strip) {
  const count = Number(strip.dataset.columns), size = strip.naturalWidth / count, across = Math.min(4, count), high = strip.naturalHeight;
  canvas.width = across * size; canvas.height = Math.ceil(count / across) * high;
  const pen = canvas.getContext("2d");
  for (let k = 0; k < count; k++) pen.drawImage(strip, k * size, 0, size, high, (k % across) * size, Math.floor(k / across) * high, size, high);
}
function openRun(chapter, trial) {
  const run = chapter.trials.run_id[rowOf(chapter, trial)];
  if (chapter.run_url && run && !framed) window.open(runAddress(chapter, run), "_blank", "noopener");
}
const runAddress = (chapter, run) => chapter.run_url.replace("{run_id}", encodeURIComponent(run));
function listen(element, article, chapter) {
  const live = article.querySelector("[data-live]");
  element.on("plotly_hover", (event) => {
    const point = event.points.find((p) => p.customdata !== undefined);
    if (point) { showCard(article, chapter, point.customdata, event.event.clientX, event.event.clientY); element.style.cursor = framed ? "" : "pointer"; }
  });
  element.on("plotly_unhover", () => { card.hidden = true; });
  element.on("plotly_click", (event) => {
    const point = event.points.find((p) => p.customdata !== undefined);
    if (!point) return;
    // Without a pointer that can hover, the first touch shows the card and the second opens the run.
    const touched = matchMedia("(hover: none)").matches && chapter.touched !== point.customdata;
    chapter.touched = point.customdata;
    if (touched) showCard(article, chapter, point.customdata, event.event.clientX, event.event.clientY);
    else openRun(chapter, point.customdata);
  });
  chapter.at = -1;
  element.addEventListener("keydown", (event) => {
    const frontier = chapter.views[chapter.view].frontier, step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Enter" && chapter.at >= 0) openRun(chapter, frontier[chapter.at]);
    if (event.key === "Escape") card.hidden = true;
    if (!step || !frontier.length) return;
    event.preventDefault();
    const at = chapter.at = chapter.at < 0 && step < 0 ? frontier.length - 1 : Math.max(0, Math.min(frontier.length - 1, chapter.at + step));
    const [cost, quality] = chapter.view.split("|"), i = rowOf(chapter, frontier[at]), box = element.getBoundingClientRect(), frame = element._fullLayout;
    const place = (name, value, frameAxis) => frameAxis.l2p(frameAxis.type === "log" ? Math.log10(value) : value) + frameAxis._offset;
    live.textContent = showCard(article, chapter, frontier[at], box.left + place(cost, chapter.trials[cost][i], frame.xaxis), box.top + place(quality, chapter.trials[quality][i], frame.yaxis));
  });
  element.addEventListener("blur", () => { card.hidden = true; });
}
function chooseView(article, chapter, chart) {
  const form = article.querySelector("[data-views]"), names = Object.keys(chapter.views), selects = {};
  ["cost", "quality"].forEach((kind, place) => {
    const select = selects[kind] = form.querySelector('[data-axis="' + kind + '"]');
    for (const name of new Set(names.map((view) => view.split("|")[place]))) select.add(new Option(chapter.columns[name].label, name));
    select.value = chapter.view.split("|")[place];
    select.addEventListener("change", () => {
      chapter.view = selects.cost.value + "|" + selects.quality.value;
      chapter.at = -1;
      if (chapter.views[chapter.view]) drawFrontier(chart, chapter);
    });
  });
}

// --- the table of all trials --------------------------------------------------------------------------
const SHOWN = [
  ["trial", "trial"], ["phase", "phase"], ["state", "state"], ["mode", "mode"], ["parameters", "parameters"], ["compression_ratio", "ratio"], ["width", "width"], ["depth", "depth"], ["block", "block"], ["first_layer_rank", "rank"], ["stage_widths", "stage widths"],
  ["gan_weight", "GAN weight"], ["seed", "seed"], ["kimg", "kimg"], ["fid", "FID"], ["inception_score", "IS"], ["sharpness", "sharpness"], ["kid", "KID"],
  ["precision", "precision"], ["recall", "recall"], ["latent_ssim", "SSIM"], ["latency_ms", "ms an image"], ["wall_s", "seconds"], ["scheme", "scheme"], ["settings", "settings"], ["error", "error"],
];
const PAGE = 25, PRINTED = 400; // rows
function trialTable(article, chapter) {
  const table = article.querySelector("[data-trials]"), pager = article.querySelector("[data-pager]"), trials = chapter.trials;
  const all = trials.trial.map((_, i) => i), shown = SHOWN.filter(([name]) => trials[name].some((value) => value !== null));
  const numeric = new Set(shown.map(([name]) => name).filter((name) => trials[name].every((value) => value === null || typeof value === "number")));
  const state = { sort: "trial", down: false, page: 0, text: "", phase: "", state: "" };
  const words = all.map((i) => shown.map(([name]) => cell(name, i) + " " + trials[name][i]).join(" ").toLowerCase()); // as shown, and as measured
  function cell(name, i) { const value = trials[name][i]; return typeof value === "number" && name !== "trial" && name !== "seed" ? number(value, 4) : value === null ? "" : String(value); }
  function rows() {
    const text = state.text.trim().toLowerCase();
    const kept = all.filter((i) => (!state.phase || trials.phase[i] === state.phase) && (!state.state || trials.state[i] === state.state) && (!text || words[i].includes(text)));
    const values = trials[state.sort], sign = state.down ? -1 : 1;
    return kept.sort((a, b) => values[a] === null ? (values[b] === null ? a - b : 1) : values[b] === null ? -1 : sign * (values[a] < values[b] ? -1 : values[a] > values[b] ? 1 : 0) || a - b);
  }
  const head = table.tHead.insertRow();
  for (const [name, label] of shown) {
    const th = document.createElement("th"), button = document.createElement("button");
    th.scope = "col"; th.className = numeric.has(name) ? "num" : ""; button.type = "button"; button.textContent = label; button.dataset.sort = name;
    button.addEventListener("click", () => { state.down = state.sort === name && !state.down; state.sort = name; state.page = 0; fill(); });
    th.append(button); head.append(th);
  }
  function fill() {
    const kept = rows(), size = "print" in document.documentElement.dataset ? PRINTED : PAGE, pages = Math.max(1, Math.ceil(kept.length / size));
    state.page = Math.min(state.page, pages - 1);
    for (const th of head.cells) {
      if (th.firstChild.dataset.sort === state.sort) th.setAttribute("aria-sort", state.down ? "descending" : "ascending"); else th.removeAttribute("aria-sort");
    }
    table.tBodies[0].replaceChildren(...kept.slice(state.page * size, (state.page + 1) * size).map((i) => {
      const tr = document.createElement("tr");
      for (const [name] of shown) {
        const td = document.createElement(name === "trial" ? "th" : "td"), text = cell(name, i);
        td.className = numeric.has(name) ? "num" : "";
        if (name === "trial") td.scope = "row";
        if (name === "trial" && chapter.run_url && trials.run_id[i] && !framed)
          td.append(Object.assign(document.createElement("a"), { textContent: text, href: runAddress(chapter, trials.run_id[i]), target: "_blank", rel: "noopener", title: "open the run in MLflow" }));
        else td.textContent = text;
        tr.append(td);
      }
      return tr;
    }));
    const button = (label, page) => { const b = Object.assign(document.createElement("button"), { type: "button", textContent: label, disabled: page < 0 || page >= pages }); b.addEventListener("click", () => { state.page = page; fill(); }); return b; };
    const count = document.createElement("span");
    count.setAttribute("role", "status");
    count.textContent = kept.length + " of " + all.length + " trials, page " + (state.page + 1) + " of " + pages;
    pager.replaceChildren(button("Previous", state.page - 1), button("Next", state.page + 1), count);
  }
  for (const control of article.querySelectorAll("[data-filter]")) {
    const name = control.dataset.filter;
    if (control.tagName === "SELECT") for (const value of new Set(trials[name])) control.add(new Option(value, value));
    control.addEventListener("input", () => { state[name] = control.value; state.page = 0; fill(); });
  }
  fill();
  return fill;
}

// --- everything ---------------------------------------------------------------------------------------
const drawn = new Map();
function draw(element) {
  const article = element.closest("article"), chapter = chapters[Number(article.dataset.chapter)], first = !drawn.has(element);
  DRAW[element.dataset.chart](element, chapter);
  drawn.set(element, true);
  if (first && element.dataset.chart === "frontier") listen(element, article, chapter);
}
// A chart is drawn when it comes near the window, so that the page opens at once.
const watch = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting && !drawn.has(entry.target)) draw(entry.target);
}, { rootMargin: "400px" });
const charts = document.querySelectorAll("[data-chart]");
const redraw = () => { for (const element of drawn.keys()) draw(element); };
const tables = [];
for (const article of document.querySelectorAll("article")) {
  const chapter = chapters[Number(article.dataset.chapter)];
  const frontier = article.querySelector('[data-chart="frontier"]');
  if (frontier) chooseView(article, chapter, frontier);
  tables.push(trialTable(article, chapter));
  for (const link of article.querySelectorAll("a[data-run]"))
    if (framed) link.replaceWith(...link.childNodes);
    else if (chapter.run_url) Object.assign(link, { href: runAddress(chapter, link.dataset.run), target: "_blank", rel: "noopener" });
  for (const form of article.querySelectorAll("form")) form.addEventListener("submit", (event) => event.preventDefault());
}
for (const element of charts) watch.observe(element);
for (const words of document.querySelectorAll("[data-alone], [data-framed]")) words.hidden = "alone" in words.dataset === framed;
if (framed) {
  for (const chart of document.querySelectorAll("[data-framed-label]")) chart.setAttribute("aria-label", chart.dataset.framedLabel);
  for (const link of document.querySelectorAll('a[href^="#"]')) link.addEventListener("click", (event) => {
    const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    event.preventDefault();
    target.scrollIntoView();
    target.tabIndex = -1; // the next Tab goes on from there
    target.focus({ preventScroll: true });
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
window.addEventListener("beforeprint", () => {
  document.documentElement.dataset.print = "";
  for (const element of charts) { draw(element); Plotly.relayout(element, { width: element.closest(".pair") ? 330 : 680, height: 330 }); }
  for (const fill of tables) fill();
  for (const details of document.querySelectorAll("details:not([open])")) { details.open = true; details.dataset.opened = ""; }
});
window.addEventListener("afterprint", () => {
  delete document.documentElement.dataset.print;
  for (const element of charts) Plotly.relayout(element, { autosize: true, width: null, height: null });
  for (const details of document.querySelectorAll("details[data-opened]")) { details.open = false; delete details.dataset.opened; }
  for (const fill of tables) fill();
  redraw();
});
