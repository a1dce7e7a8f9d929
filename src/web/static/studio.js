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

// What a page draws anew stays as its reader left it: what is open, how far a log is scrolled, what has the focus.
// (htmx finds the focus again by an id alone.)
const nameOf = (element) => element.id || `${element.tagName} ${element.textContent.trim()}`;
const foldOf = (details) => nameOf(details.querySelector("summary"));
const isAtEnd = (log) => log.scrollTop + log.clientHeight >= log.scrollHeight - 20;
const toEnd = (log) => { log.scrollTop = log.scrollHeight; };
let before = null;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { target, shouldSwap, xhr, requestConfig } = detail;
  if (!shouldSwap) return;
  if (xhr.status >= 400 && requestConfig.verb === "post") {  // what a click is refused with comes into the part, not in its place
    for (const earlier of target.querySelectorAll(":scope > .refusal")) earlier.remove();
    detail.swapOverride = "afterbegin";
  }
  const focused = target.contains(document.activeElement) && document.activeElement !== target;
  before = {
    open: new Map([...target.querySelectorAll("details")].map((details) => [foldOf(details), details.open])),
    logs: [...target.querySelectorAll("pre.log")].map((log) => isAtEnd(log) ? null : log.scrollTop),
    aside: [...target.querySelectorAll(".scroll")].map((wide) => wide.scrollLeft),
    focus: focused ? nameOf(document.activeElement) : null,
    id: target.id,
  };
});
document.addEventListener("htmx:afterSettle", () => {
  const root = before && document.getElementById(before.id);
  if (!root) return;
  const { open, logs, aside, focus } = before;
  before = null;
  for (const details of root.querySelectorAll("details")) details.open = open.get(foldOf(details)) ?? details.open;
  root.querySelectorAll("pre.log").forEach((log, at) => {
    if (logs[at] == null) toEnd(log);
    else log.scrollTop = logs[at];
  });
  root.querySelectorAll(".scroll").forEach((wide, at) => { wide.scrollLeft = aside[at] ?? 0; });
  if (!focus || root.contains(document.activeElement)) return;
  const same = [...root.querySelectorAll("a, button, summary, pre, [tabindex]")].find((element) => nameOf(element) === focus);
  if (!same) root.tabIndex = -1;  // what had the focus is gone: the reader goes on from the top of the part
  (same || root).focus({ preventScroll: true });
});
document.querySelectorAll("pre.log").forEach(toEnd);

// A studio that was closed answers nothing: no button does anything, and what is shown may be old.
const sayAway = (isAway) => { document.getElementById("away").hidden = !isAway; };
document.addEventListener("htmx:sendError", () => sayAway(true));
document.addEventListener("htmx:afterOnLoad", () => sayAway(false));

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

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.querySelector(button.dataset.copy);
  let copied = true;
  try {
    await navigator.clipboard.writeText(text.innerText.trim());
  } catch {  // refused, or not there: over the network without TLS
    getSelection().selectAllChildren(text);
    copied = document.execCommand("copy");
  }
  if (copied) button.textContent = korean ? "복사했습니다" : "Copied";
  else button.textContent = korean ? "선택했으니 복사하세요" : "Selected: copy it";
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
  document.getElementById("file").addEventListener("change", ({ target }) => {
    bring(target.files[0]);
    target.value = "";  // or the same file, once mended, could not be chosen again
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name !== "drop") return;
      if (event.dataTransfer.files.length === 1) bring(event.dataTransfer.files[0]);
      else said.textContent = korean ? "파일을 하나씩 놓아 주세요." : "Drop one file at a time.";
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

// A vote by its keys; one that is held down votes on no further dialogue.
const vote = document.querySelector("[data-vote]");
if (vote) {
  document.addEventListener("keydown", (event) => {
    const side = { 1: "left", 2: "right", 0: "tie" }[event.key];
    if (side && !event.repeat && !event.ctrlKey && !event.metaKey && !event.altKey) vote.querySelector(`[value=${side}]`).click();
  });
}

// A dialogue goes to each model that is ready; what they write comes in lines of JSON.
const ask = document.getElementById("ask");
if (ask) {
  const unsent = korean ? "답이 오지 않았습니다." : "No answer came.";
  const answerOf = async (which, signal) => {
    const answer = document.getElementById(`answer-${which}`);
    const figures = document.getElementById(`figures-${which}`);
    answer.textContent = figures.textContent = "";
    let isWhole = false;
    const said = (line) => {
      const { text, done, error } = JSON.parse(line);
      if (text) answer.textContent += text;
      if (error) figures.textContent = error;
      if (done) {
        const rate = done.tokens && done.seconds ? (done.tokens / done.seconds).toFixed(1) : "?";
        figures.textContent = korean ? `토큰 ${done.tokens}개, 초당 ${rate}개` : `${done.tokens} token${done.tokens === 1 ? "" : "s"}, ${rate} a second`;
        if (done.tokens_cut) figures.textContent += korean ? `, 대화에서 ${done.tokens_cut}토큰을 뺌` : `, ${done.tokens_cut} token${done.tokens_cut === 1 ? "" : "s"} of the dialogue cut`;
      }
      isWhole ||= Boolean(done || error);
    };
    try {
      const response = await fetch(`${ask.dataset.ask}${which}`, {
        method: "POST", body: document.getElementById("dialogue").value, headers: { "HX-Request": "true", "Content-Type": "text/plain" }, signal,
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
    } catch (error) {
      if (signal.aborted) return;
    }
    if (!isWhole) figures.textContent = unsent;
  };
  let asked = new AbortController();
  ask.addEventListener("submit", (event) => {
    event.preventDefault();
    asked.abort();  // or the texts of two answers would come into one place
    asked = new AbortController();
    const ready = [...document.querySelectorAll("[data-state=ready]")].map((element) => element.dataset.model);
    document.getElementById("none-ready").hidden = ready.length > 0;
    if (!ready.length) document.querySelector("[data-state]").closest("li").querySelector("button").focus();
    for (const which of ready) answerOf(which, asked.signal);
  });
}
