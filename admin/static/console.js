"use strict";
// Comfort only: every page works without it. Parts with data-live are fetched anew; keys move through lists.

async function refresh(part) {
  const open = part.querySelector("details[open]") || part.contains(document.activeElement);
  if (document.hidden || open) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(part.id);
  if (fresh) part.replaceChildren(...fresh.childNodes);
}

for (const part of document.querySelectorAll("[data-live]")) {
  const again = () => refresh(part).catch(() => {}).finally(() => setTimeout(again, part.dataset.live * 1000));
  setTimeout(again, part.dataset.live * 1000);
}

const preview = document.querySelector("[data-preview]");
if (preview) {
  let turn = 0;
  const source = document.getElementById(preview.dataset.preview);
  source.addEventListener("input", async () => {
    const mine = ++turn;
    const answer = await fetch(preview.dataset.url, { method: "POST", body: new FormData(source) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(preview.id);
    if (fresh && mine === turn) preview.replaceChildren(...fresh.childNodes);
  });
}

for (const hidden of document.querySelectorAll("[data-script]")) hidden.hidden = false;
const all = document.getElementById("all");
if (all) {
  all.addEventListener("change", () => {
    for (const box of document.querySelectorAll('input[name="ids"]')) box.checked = all.checked;
  });
}

function move(by) {
  const items = [...document.querySelectorAll(".item")];
  const at = items.indexOf(document.activeElement?.closest(".item"));
  const next = items[Math.max(0, Math.min(items.length - 1, at + by))];
  if (!next) return;
  next.tabIndex = -1;
  next.focus();
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  x: () => document.activeElement?.querySelector('input[name="ids"]')?.click(),
  "/": () => document.querySelector('input[type="search"]')?.focus(),
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea, select");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});
