"use strict";
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
  const WHOLE = Array.from({ length: 24 }, (_, n) => [1, 2, 5][n % 3] * 10 ** Math.floor(n / 3));  // there is no step 1.5
  const isAlone = (values) => values.filter((value) => value != null).length === 1;  // one value is no line
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
      axes: [{ ...axis, incrs: WHOLE }, { ...axis, size: 60, values: (_, ticks) => ticks.map(short) }],
      series: [
        { label: labels.step },
        ...there.map(([name, label], rank) => ({
          label, stroke: color(rank ? `--s${colorOf(rank)}` : "--accent"), width: 2, spanGaps: true,
          points: { show: (plot, at) => name.startsWith("eval_") || isAlone(plot.data[at]), size: 7 },
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
    events.onopen = () => { fresh = true; sayAway(false); };
    events.onerror = () => sayAway(true);
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
      const follows = isAtEnd(log);
      log.textContent = [...lines, ...JSON.parse(event.data)].filter(Boolean).join("\n");
      if (follows) toEnd(log);
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
