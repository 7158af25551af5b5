// Shows live values while something runs: the level, the graph, and what is asked. Every page works without it.
"use strict";
(() => {
  const name = document.body.dataset.name;
  const panel = document.getElementById("panel");
  const level = document.getElementById("level");
  const loudness = document.getElementById("loudness");
  const graph = document.getElementById("graph");
  let shown = null;
  let missed = 0;

  // Who began something here is read what came of it, from the heading on, not the top of the page once more.
  const BEGUN = "begun";
  const main = document.getElementById("main");
  const running = document.body.dataset.running === "yes";
  document.addEventListener("submit", (event) => {
    if (main.contains(event.target)) sessionStorage.setItem(BEGUN, name);
  });
  if (!running) {
    if (sessionStorage.getItem(BEGUN) === name) main.focus();
    sessionStorage.removeItem(BEGUN);
  }

  function showPanel(html) {
    if (!panel || html === shown) return;
    const holder = document.createElement("template");
    holder.innerHTML = html;
    // Focus is set below; the attribute is for those who have no script.
    const focus = holder.content.querySelector("[autofocus]");
    if (focus) focus.removeAttribute("autofocus");
    const asked = holder.content.querySelector("[data-prompt]");
    const standing = panel.querySelector("[data-prompt]");
    const same = asked && standing && asked.dataset.prompt === standing.dataset.prompt;
    shown = html;
    if (same) return; // somebody may be typing the answer
    const stop = document.activeElement && document.activeElement.closest("form[action='/stop']");
    panel.replaceChildren(holder.content);
    if (focus) focus.focus();
    else if (stop) panel.querySelector("form[action='/stop'] button")?.focus();
  }

  async function look() {
    try {
      const answer = await fetch("/live/" + name, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const news = await answer.json();
      missed = 0;
      if (!news.running) {
        if (name === "consent") location.assign("/"); // nothing is to be read there any more
        else {
          sessionStorage.setItem(BEGUN, name);
          location.reload();
        }
        return;
      }
      if (news.panel !== undefined) showPanel(news.panel);
      if (level && news.level !== null && news.level !== undefined) level.value = news.level;
      if (loudness && news.loudness && loudness.textContent !== news.loudness) loudness.textContent = news.loudness;
      if (graph && news.graph) graph.innerHTML = news.graph;
    } catch {
      missed += 1;
      if (missed > 20) return; // homecheck has ended
    }
    setTimeout(look, 300);
  }

  if (running) look();
})();
