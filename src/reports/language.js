
"use strict";
const phrases = {/* phrases */};
const switcher = document.querySelector(".switch");
const texts = [], labels = [];
const translate = (text) => {
  const bare = text.trim();
  return Object.hasOwn(phrases, bare) ? text.replace(bare, () => phrases[bare]) : text;
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode;
  if (node.data.trim() && !node.parentElement.closest("script, code, [translate=no]")) texts.push([node, node.data]);
}
for (const element of document.querySelectorAll("[aria-label]:not(.switch)")) {
  labels.push([element, element.getAttribute("aria-label")]);
}
const show = (language) => {
  const write = language === "ko" ? translate : (text) => text;
  document.documentElement.lang = language;
  for (const [node, english] of texts) node.data = write(english);
  for (const [element, english] of labels) element.setAttribute("aria-label", write(english));
  for (const button of switcher.children) button.setAttribute("aria-pressed", button.dataset.language === language);
};
switcher.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) show(button.dataset.language);
});
switcher.hidden = false;
show(navigator.language.startsWith("ko") ? "ko" : "en");
