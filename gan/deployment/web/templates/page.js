"use strict";
// Student and teacher draw at the same latents. `generators` and `embedded` are in scripts of their own.

const PAIRS = 12;
const WALK_MS = 2600; // from one latent to the next
const LAST = 60; // frames whose median is shown
const TIMED_MS = 4; // a clock of a browser ticks 10 times a millisecond or less, and a student is faster
const SAID_MS = 300; // between two changes of a figure that is read

const find = (selector) => document.querySelector(selector);
const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];
const still = matchMedia("(prefers-reduced-motion: reduce)");

const space = new LatentSpace(generators[0].card.input, 1);
const demo = { latent: null, label: 0, pairs: [], images: [], walk: null };

// The runtime

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

async function startRuntime() {
  const unpacked = new Blob([bytes(embedded.binary)]).stream().pipeThrough(new DecompressionStream("gzip"));
  ort.env.wasm.wasmBinary = await new Response(unpacked).arrayBuffer();
  const loader = new Blob([bytes(embedded.loader)], { type: "text/javascript" });
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(loader) };
  ort.env.wasm.numThreads = 1; // several need a server that isolates its pages
  for (const generator of generators) {
    generator.session = await ort.InferenceSession.create(bytes(generator.model), { executionProviders: ["wasm"] });
    generator.times = [];
  }
}

let queue = Promise.resolve();
function inTurn(work) {
  const done = queue.then(work);
  queue = done.catch(() => {});
  return done;
}

async function run(generator, latents, classes) {
  const { input, output } = generator.card;
  const given = { [input.name]: space.inputs(latents, classes) };
  return (await generator.session.run(given))[output.name].data;
}

async function timed(generator) {
  const began = performance.now();
  let values, elapsed;
  let count = 0;
  do {
    values = await run(generator, [demo.latent], [demo.label]);
    count += 1;
    elapsed = performance.now() - began;
  } while (elapsed < TIMED_MS && count < 64);
  generator.times.push(elapsed / count);
  if (generator.times.length > LAST) generator.times.shift();
  return values;
}

// Images

function paint(canvas, values) {
  const { width, height } = canvas;
  const picture = new ImageData(width, height);
  const area = width * height;
  const channels = values.length / area;
  for (let place = 0; place < area; place += 1) {
    for (let colour = 0; colour < 3; colour += 1) {
      const value = values[Math.min(colour, channels - 1) * area + place];
      picture.data[4 * place + colour] = 127.5 * (value + 1); // which such an array rounds and clamps
    }
    picture.data[4 * place + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

const canvases = findAll("[data-image]");
let wanted = false;
let showing = null;

// Shows the latest latent: of those that come while one is drawn, all but the last are left out.
function show() {
  wanted = true;
  showing ??= inTurn(async () => {
    try {
      while (wanted) {
        wanted = false;
        for (const [place, generator] of generators.entries()) {
          demo.images[place] = await timed(generator);
          paint(canvases[place], demo.images[place]);
        }
      }
    } finally {
      showing = null;
    }
  });
  return showing;
}

function choose(latent, label = demo.label) {
  demo.latent = latent;
  demo.label = label;
  for (const slider of findAll("[data-direction]")) {
    slider.value = latent[slider.dataset.direction];
    slider.nextElementSibling.value = signed(latent[slider.dataset.direction]);
  }
  if (find("[data-class]")) find("[data-class]").selectedIndex = label;
  return show();
}

function signed(value) {
  const digits = Math.abs(value).toFixed(1);
  return value < 0 && digits !== "0.0" ? `\u2212${digits}` : digits;
}

// The pairs

function makePairs() {
  for (let number = 0; number < PAIRS; number += 1) {
    const pair = document.createElement("label");
    const choice = document.createElement("input");
    Object.assign(choice, { type: "radio", name: "pair", value: number, ariaLabel: `Latent ${number + 1}` });
    choice.addEventListener("change", () => begin(number));
    pair.append(choice);
    for (const { card } of generators) {
      const [, , height, width] = card.output.shape;
      pair.append(Object.assign(document.createElement("canvas"), { width, height }));
    }
    find("[data-pairs]").append(pair);
  }
}

function begin(number) {
  const { latent, label } = demo.pairs[number];
  if (demo.walk) demo.walk = walkFrom(latent);
  return choose(latent, label);
}

async function drawPairs() {
  const count = space.input.classes;
  demo.pairs = Array.from({ length: PAIRS }, (_, number) => ({ latent: space.draw(), label: count ? number % count : 0 }));
  const latents = demo.pairs.map((pair) => pair.latent);
  const labels = demo.pairs.map((pair) => pair.label);
  await inTurn(async () => {
    for (const [place, generator] of generators.entries()) {
      const values = await run(generator, latents, labels);
      const size = values.length / PAIRS;
      findAll("[data-pairs] label").forEach((pair, number) => {
        paint(findAll("canvas", pair)[place], values.subarray(number * size, (number + 1) * size));
      });
    }
  });
  find("[name=pair]").checked = true;
  find("[data-status]").textContent = `${PAIRS} new latents are drawn.`;
  await begin(0);
}

function leavePairs() {
  for (const choice of findAll("[name=pair]:checked")) choice.checked = false;
}

// The walk: from latent to latent, at rest in each

function walkFrom(latent) {
  return { first: latent, last: space.draw(), began: performance.now() };
}

async function step() {
  if (!demo.walk) return;
  const share = (performance.now() - demo.walk.began) / WALK_MS;
  if (share >= 1) {
    demo.walk = walkFrom(demo.walk.last);
    await choose(demo.walk.first);
  } else if (!still.matches) {
    await choose(space.between(demo.walk.first, demo.walk.last, share * share * (3 - 2 * share)));
  }
  sayPace();
  requestAnimationFrame(step);
}

function play(on) {
  const began = on && !demo.walk;
  demo.walk = on ? walkFrom(demo.latent) : null;
  find("[data-play]").textContent = on ? "Pause" : "Play";
  if (!began) return;
  leavePairs();
  requestAnimationFrame(step);
}

// Figures

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[sorted.length >> 1];
}

function inMilliseconds(value) {
  return value.toFixed(value >= 10 ? 0 : value >= 1 ? 1 : value >= 0.1 ? 2 : 3);
}

let said = 0;
function sayPace() {
  if (performance.now() - said < SAID_MS) return;
  said = performance.now();
  const medians = generators.map((generator) => median(generator.times));
  const cells = findAll("[data-row=time] td");
  medians.forEach((value, place) => {
    cells[place].textContent = `${inMilliseconds(value)} ms`;
    findAll("[data-pace]")[place].textContent = `${inMilliseconds(value)} ms an image`;
  });
  if (generators.length === 1) return;
  const times = medians[0] / medians[1];
  cells[2].textContent = times >= 1 ? `1/${times.toFixed(1)}` : `${(1 / times).toFixed(1)}×`;
}

// The controls

function listen() {
  find("[data-play]").addEventListener("click", () => play(!demo.walk));
  find("[data-new]").addEventListener("click", drawPairs);
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("a, button, select, [name=pair]:not(:checked)")) return; // which know these keys
    const action = { " ": () => play(!demo.walk), Enter: drawPairs }[event.key];
    if (!action) return;
    event.preventDefault(); // of the space, which scrolls
    action();
  });
  for (const slider of findAll("[data-direction]")) {
    slider.min = -space.reach;
    slider.max = space.reach;
    slider.addEventListener("input", () => {
      play(false);
      leavePairs();
      choose(space.turned(demo.latent, Number(slider.dataset.direction), Number(slider.value)));
    });
  }
  find("[data-class]")?.addEventListener("change", (event) => {
    leavePairs();
    choose(demo.latent, event.target.selectedIndex);
  });
  for (const control of findAll("[disabled]")) control.disabled = false;
}

async function start() {
  try {
    await startRuntime();
    makePairs();
    await drawPairs();
    for (let frame = 0; frame < 20; frame += 1) await show();
    sayPace();
    listen();
    find("[data-status]").classList.add("visually-hidden");
    document.body.dataset.ready = "";
  } catch (error) {
    find("[data-status]").textContent = `This browser cannot draw here: ${error.message}`;
    throw error;
  }
}

start();
