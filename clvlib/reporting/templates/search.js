"use strict";
const form = document.querySelector('form[role="search"]');
const field = form.querySelector("input");
const store = document.querySelector('script[type="application/json"]');
form.hidden = false;

// Only the overview holds the index; every other page sends its reader there.
const entries = store ? JSON.parse(store.textContent) : null;

function found(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return entries
    .map((entry) => {
      const title = entry.title.toLowerCase();
      const text = `${title} ${entry.chapter.toLowerCase()} ${entry.text.toLowerCase()} ${entry.words}`;
      const hit = words.every((word) => text.includes(word));
      return { entry, score: hit ? 1 + words.filter((word) => title.includes(word)).length : 0 };
    })
    .filter((match) => match.score)
    .sort((a, b) => b.score - a.score)
    .map((match) => match.entry);
}

function element(name, text, parent) {
  const made = document.createElement(name);
  made.textContent = text;
  parent.append(made);
  return made;
}

function show(query) {
  const results = document.querySelector("main > section");
  const list = results.querySelector("ol");
  list.replaceChildren();
  results.hidden = !query.trim();
  if (results.hidden) return;
  const matches = found(query);
  const places = matches.length === 1 ? "1 place" : `${matches.length || "No"} places`;
  results.querySelector("h2").textContent = `${places} with “${query.trim()}”`;
  for (const entry of matches.slice(0, 30)) {
    const item = element("li", "", list);
    const link = element("a", entry.title, item);
    link.href = entry.href;
    element("span", entry.chapter, item).className = "where";
    element("p", entry.text, item);
  }
}

if (entries) {
  const asked = decodeURIComponent((location.hash.match(/^#search=(.*)$/) || ["", ""])[1]);
  if (asked) {
    field.value = asked;
    show(asked);
  }
  field.addEventListener("input", () => show(field.value));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!entries) location.href = `index.html#search=${encodeURIComponent(field.value)}`;
  else document.querySelector("main > section a")?.focus();
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    field.focus();
  }
});

const all = document.querySelector("button.all-code");
if (all && document.querySelector("details.code")) {
  all.hidden = false;
  all.addEventListener("click", () => {
    const open = all.getAttribute("aria-pressed") !== "true";
    document.querySelectorAll("details.code").forEach((fold) => (fold.open = open));
    all.setAttribute("aria-pressed", String(open));
    all.textContent = open ? "Hide all code" : "Show all code";
  });
}
