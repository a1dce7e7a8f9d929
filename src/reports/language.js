
"use strict";
const switcher = document.querySelector(".switch");
const swaps = [];
for (const element of document.querySelectorAll("[data-ko]")) {
  const texts = { en: element.textContent, ko: element.dataset.ko };
  swaps.push((language) => { element.textContent = texts[language]; });
}
for (const name of ["aria-label", "title"]) {
  for (const element of document.querySelectorAll(`[data-ko-${name}]`)) {
    const texts = { en: element.getAttribute(name), ko: element.getAttribute(`data-ko-${name}`) };
    swaps.push((language) => element.setAttribute(name, texts[language]));
  }
}
const show = (language) => {
  document.documentElement.lang = language;
  for (const swap of swaps) swap(language);
  for (const button of switcher.children) button.setAttribute("aria-pressed", button.dataset.language === language);
};
switcher.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) show(button.dataset.language);
});
switcher.hidden = false;
show(navigator.language.startsWith("ko") ? "ko" : "en");
