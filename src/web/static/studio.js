"use strict";
const korean = document.documentElement.lang === "ko";

// Parts that come from reports keep the Korean half of attributes beside the English one.
const speak = (root) => {
  if (!korean) return;
  for (const element of root.querySelectorAll("[data-ko]")) element.textContent = element.dataset.ko;
  for (const name of ["aria-label", "title"]) {
    for (const element of root.querySelectorAll(`[data-ko-${name}]`)) {
      element.setAttribute(name, element.getAttribute(`data-ko-${name}`));
    }
  }
};
speak(document);
document.addEventListener("htmx:afterSwap", (event) => speak(event.target));

// A form whose plan is beside it: each turn of a setting asks anew; texts that name files and models when they are left.
const wish = document.getElementById("wish");
if (wish) {
  let last = "";
  const turned = (event) => {
    if (event.target.matches("[data-search]")) return;
    if (event.target.matches("[data-reload]")) {
      const kept = [event.target, ...wish.querySelectorAll("[data-keep]")].filter((field) => field.value);
      location.href = `${event.target.dataset.reload}?${new URLSearchParams(kept.map((field) => [field.name, field.value]))}`;
      return;
    }
    const names = event.target.matches("input:not([inputmode])");
    const now = new URLSearchParams(new FormData(wish)).toString();
    if (now === last || (names && event.type === "input")) return;
    last = now;
    wish.dispatchEvent(new Event("turned"));
  };
  wish.addEventListener("input", turned);
  wish.addEventListener("change", turned);
}
for (const link of document.querySelectorAll("a[data-with]")) {  // takes a form's fields along
  link.addEventListener("click", () => {
    link.search = new URLSearchParams(new FormData(document.querySelector(link.dataset.with)));
  });
}
for (const search of document.querySelectorAll("[data-search]")) {
  const fields = [...document.querySelector(search.dataset.search).children];
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const field of fields) {
      const text = field.textContent.toLowerCase();
      field.hidden = !words.every((word) => text.includes(word));
    }
  });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  navigator.clipboard.writeText(document.querySelector(button.dataset.copy).innerText.trim());
  button.textContent = korean ? "복사했습니다" : "Copied";
});

// A file is sent as it is, with its progress.
const drop = document.getElementById("drop");
if (drop) {
  const said = document.getElementById("drop-said");
  const bar = document.getElementById("brought");
  const bring = (file) => {
    if (!file) return;
    const request = new XMLHttpRequest();
    bar.hidden = false;
    request.upload.onprogress = (event) => { bar.value = event.loaded / (event.total || 1); };
    request.onload = () => {
      if (request.status === 200) location.href = JSON.parse(request.responseText).address;
      else { bar.hidden = true; said.innerHTML = request.responseText; }
    };
    request.onerror = () => { bar.hidden = true; said.textContent = korean ? "보내지 못했습니다." : "It could not be sent."; };
    request.open("POST", `/data?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("HX-Request", "true");
    request.send(file);
  };
  document.getElementById("file").addEventListener("change", (event) => bring(event.target.files[0]));
  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop") bring(event.dataTransfer.files[0]);
    });
  }
}

// Keys that go from one dialogue to the next.
const steps = document.querySelector("[data-steps]");
if (steps) {
  const articles = [...steps.querySelectorAll(":scope > article")];
  for (const article of articles) article.tabIndex = -1;
  document.addEventListener("keydown", (event) => {
    const way = { j: 1, k: -1 }[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const at = articles.findIndex((article) => article.contains(document.activeElement));
    const next = articles[Math.min(articles.length - 1, Math.max(0, at + way))];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "start" });
  });
}

// A vote by its keys.
const vote = document.querySelector("[data-vote]");
if (vote) {
  document.addEventListener("keydown", (event) => {
    const side = { 1: "left", 2: "right", 0: "tie" }[event.key];
    if (side && !event.ctrlKey && !event.metaKey && !event.altKey) vote.querySelector(`[value=${side}]`).click();
  });
}

// A dialogue goes to each model that is ready; what they write comes in lines of JSON.
const ask = document.getElementById("ask");
if (ask) {
  const answerOf = async (which) => {
    const answer = document.getElementById(`answer-${which}`);
    const figures = document.getElementById(`figures-${which}`);
    answer.textContent = figures.textContent = "";
    const said = (line) => {
      const { text, done, error } = JSON.parse(line);
      if (text) answer.textContent += text;
      if (error) figures.textContent = error;
      if (done) {
        const rate = done.tokens && done.seconds ? (done.tokens / done.seconds).toFixed(1) : "?";
        figures.textContent = korean ? `토큰 ${done.tokens}개, 초당 ${rate}개` : `${done.tokens} tokens, ${rate} a second`;
        if (done.tokens_cut) figures.textContent += korean ? `, 대화에서 ${done.tokens_cut}토큰을 뺌` : `, ${done.tokens_cut} tokens of the dialogue cut`;
      }
    };
    const response = await fetch(`${ask.dataset.ask}${which}`, {
      method: "POST", body: document.getElementById("dialogue").value, headers: { "HX-Request": "true", "Content-Type": "text/plain" },
    });
    if (!response.ok) {
      figures.textContent = new DOMParser().parseFromString(await response.text(), "text/html").body.innerText.trim();
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      const lines = (rest + chunk.value).split("\n");
      rest = lines.pop();
      lines.filter(Boolean).forEach(said);
    }
  };
  ask.addEventListener("submit", (event) => {
    event.preventDefault();
    const ready = [...document.querySelectorAll("[data-state=ready]")].map((element) => element.dataset.model);
    if (!ready.length) document.querySelector("[data-state]").closest("li").querySelector("button").focus();
    ready.forEach(answerOf);
  });
}

// Live curves: all points first, then those that come.
const place = document.getElementById("live-curves");
if (place) {
  const labels = JSON.parse(place.dataset.words);
  const charts = JSON.parse(place.dataset.charts);
  let points = {};
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const short = (value) => {
    if (value == null) return "";
    const size = Math.abs(value);
    if (size >= 1000) return Math.round(value).toLocaleString("en");
    return size && size < 0.001 ? value.toExponential(2) : String(+value.toPrecision(4));
  };
  // Nearly equal values are no curve: uPlot breaks at some, and the ticks' four digits would be the same.
  const spread = (_, low, high) => {
    if (low == null) return [null, null];
    const pad = Math.max(0, 0.004 * Math.max(Math.abs(low), Math.abs(high)) - (high - low)) / 2;
    return uPlot.rangeNum(low - pad, high + pad, 0.1, true);
  };
  const colorOf = (rank) => rank && (rank - 1) % 5 + 1;
  const scaled = (chart, value) => value == null ? value : value * chart.factor;
  const newest = (name) => points[name] && points[name][1][points[name][1].length - 1];
  const joined = (chart, series) => {
    const tables = series.map(([name]) => [points[name][0], points[name][1].map((value) => scaled(chart, value))]);
    return tables.length > 1 ? uPlot.join(tables) : tables[0];
  };
  // What other processes of a run have read is named NAME_rank1 and so on.
  const othersOf = (name) => Object.keys(points).filter((key) => key.startsWith(`${name}_rank`))
    .map((key) => [key, Number(key.slice(name.length + 5))]).sort((one, other) => one[1] - other[1]);
  const placeOf = (name, rank) => labels[name.startsWith("gpu") ? "card" : "process"].replace("{}", rank);
  const seriesOf = (chart) => {
    const [[name]] = chart.series;
    const others = chart.ranks ? othersOf(name) : [];
    const all = others.length ? [[name, placeOf(name, 0)], ...others.map(([key, rank]) => [key, placeOf(name, rank)])] : chart.series;
    return all.filter(([key]) => points[key] && points[key][0].length && !(chart.hidesZeros && points[key][1].every((value) => !value)));
  };
  const draw = (chart) => {
    const there = seriesOf(chart);
    if (!there.length) return;
    if (!chart.figure) {
      chart.figure = document.createElement("figure");
      chart.figure.className = chart.wide ? "wide" : "";
      const caption = document.createElement("figcaption");
      const title = document.createElement("strong");
      title.textContent = chart.title;
      chart.output = document.createElement("output");
      caption.append(title, chart.output);
      chart.box = document.createElement("div");
      chart.box.setAttribute("role", "img");
      chart.figure.append(caption, chart.box);
      const after = charts.slice(charts.indexOf(chart) + 1).find((other) => other.figure);
      place.insertBefore(chart.figure, after ? after.figure : null);
    }
    const table = joined(chart, there);
    const said = there.map(([name, label]) => `${there.length > 1 ? `${label} ` : ""}${newest(name) == null ? "NaN" : short(scaled(chart, newest(name)))}`);
    chart.output.replaceChildren(...said.map((text, rank) => {
      const part = document.createElement("span");
      part.className = there.length > 1 ? `series c${colorOf(rank)}` : "";
      part.textContent = text;
      return part;
    }));
    chart.box.setAttribute("aria-label", `${chart.title}: ${said.join(" · ")}`);
    const names = there.map(([name]) => name).join();
    if (chart.plot && chart.names === names) {
      chart.plot.setData(table);
      return;
    }
    if (chart.plot) chart.plot.destroy();
    chart.names = names;
    const axis = { stroke: color("--muted"), grid: { stroke: color("--rule"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    chart.plot = new uPlot({
      width: chart.box.clientWidth || 300,
      height: chart.wide ? 260 : 180,
      scales: { x: { time: false }, y: { range: spread } },
      cursor: { y: false },
      axes: [axis, { ...axis, size: 60, values: (_, ticks) => ticks.map(short) }],
      series: [
        { label: labels.step },
        ...there.map(([name, label], rank) => ({
          label, stroke: color(rank ? `--s${colorOf(rank)}` : "--accent"), width: 2, spanGaps: true,
          points: { show: name.startsWith("eval_") ? true : undefined, size: 7 },
        })),
      ],
    }, table, chart.box);
  };
  // A run in several processes has a row of them, each with what it holds and does.
  const cards = document.getElementById("cards");
  const showCards = () => {
    const [memory, busy, heat] = points.gpu_memory_bytes ? ["gpu_memory_bytes", "gpu_busy_percent", "gpu_celsius"] : ["resident_bytes", "processor_busy_percent", ""];
    const others = othersOf(memory);
    cards.hidden = !others.length;
    cards.replaceChildren(...(others.length ? [["", 0], ...others.map(([, rank]) => [`_rank${rank}`, rank])] : []).map(([suffix, rank]) => {
      const [tile, term, figures] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
      const figure = (name, factor, unit) => newest(name + suffix) == null ? [] : [`${short(newest(name + suffix) * factor)}${unit}`];
      term.textContent = placeOf(memory, rank);
      figures.textContent = [...figure(memory, 1e-9, " GB"), ...figure(busy, 1, "%"), ...figure(heat, 1, " °C")].join(" · ");
      tile.append(term, figures);
      return tile;
    }));
  };
  const drawAll = () => {
    document.getElementById("no-curves").hidden = Object.keys(points).length > 0;
    document.getElementById("no-sensors").hidden = !points.gpu_memory_bytes || Boolean(points.gpu_celsius);
    for (const chart of charts) draw(chart);
    showCards();
  };
  let began = null;
  const progress = (isNew) => {
    const bar = document.getElementById("progress");
    const steps = Math.max(0, ...Object.values(points).map(([at]) => at[at.length - 1] || 0));
    if (!bar || !steps) return;
    bar.value = steps;
    const total = Number(bar.max);
    document.getElementById("step").textContent = labels.steps.replace("{}", steps.toLocaleString("en")).replace("{}", total.toLocaleString("en"));
    const now = performance.now();
    if (!isNew) began = null;  // when the steps before were taken isn't known
    else if (!began || began.steps > steps) began = { now, steps };
    if (!began) return;
    const rate = (steps - began.steps) / (now - began.now);
    if (rate > 0) {
      const minutes = Math.ceil((total - steps) / rate / 60000);
      const words = korean ? (minutes < 120 ? `${minutes}분` : `${(minutes / 60).toFixed(1)}시간`) : (minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`);
      document.getElementById("left").textContent = labels.left.replace("{}", words);
    }
  };
  const begin = () => {
    const events = new EventSource(`${place.dataset.run}/events`);
    const log = document.getElementById("log");
    let fresh = true;
    events.onopen = () => { fresh = true; };
    events.addEventListener("curves", (event) => { points = JSON.parse(event.data); drawAll(); progress(false); });
    events.addEventListener("points", (event) => {
      for (const [name, [steps, values]] of Object.entries(JSON.parse(event.data))) {
        const known = points[name] || (points[name] = [[], []]);
        while (known[0].length && known[0][known[0].length - 1] >= steps[0]) { known[0].pop(); known[1].pop(); }
        known[0].push(...steps);
        known[1].push(...values);
      }
      drawAll();
      progress(true);
    });
    events.addEventListener("log", (event) => {
      const lines = fresh ? [] : log.textContent.split("\n").slice(-400);
      fresh = false;
      const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 20;
      log.textContent = [...lines, ...JSON.parse(event.data)].filter(Boolean).join("\n");
      if (isAtEnd) log.scrollTop = log.scrollHeight;
    });
    events.addEventListener("changed", () => htmx.trigger(document.body, "run-changed"));
    addEventListener("pagehide", () => events.close());
  };
  begin();
  new ResizeObserver(() => {
    for (const chart of charts) {
      if (chart.plot) chart.plot.setSize({ width: chart.box.clientWidth, height: chart.wide ? 260 : 180 });
    }
  }).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const chart of charts) { if (chart.plot) { chart.plot.destroy(); chart.plot = null; } }
    drawAll();
  });
}
