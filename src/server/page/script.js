"use strict";
// Everything here works without this script too; it saves loading the page anew.
const form = document.getElementById("filter");
const stale = document.getElementById("stale");
let latest = 0;

const show = async (url) => {
  const turn = ++latest;
  try {
    const answer = await fetch(url, { cache: "no-store" });
    if (!answer.ok) throw new Error("no page");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (turn !== latest) return;
    const open = new Set([...document.querySelectorAll("details[open]")].map((one) => one.dataset.key));
    const focused = document.activeElement?.getAttribute("href");
    for (const part of page.querySelectorAll("[data-part]")) {
      for (const one of part.querySelectorAll("details")) one.open = open.has(one.dataset.key);
      document.getElementById(part.id)?.replaceWith(document.adoptNode(part));
    }
    if (focused) document.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    stale.hidden = true;
  } catch {
    if (turn === latest) stale.hidden = false;
  }
};

const go = (url) => {
  history.replaceState(null, "", url);
  show(url);
};

const wanted = () => {
  const query = new URLSearchParams(new FormData(form));
  for (const [key, value] of [...query]) if (!value) query.delete(key);
  const rest = new URLSearchParams(location.search);
  for (const key of ["sort", "dir", "rows"]) {
    query.delete(key);
    if (rest.get(key)) query.set(key, rest.get(key));
  }
  return query.size ? `/?${query}` : "/";
};

let pause;
form.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => go(wanted()), 150);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  go(wanted());
});
form.querySelector("button").hidden = true;

document.addEventListener("click", (event) => {
  const link = event.target.closest("#glance a, thead a, #rows p a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const url = link.getAttribute("href");
  form.elements.state.value = new URL(url, location).searchParams.get("state") ?? "";
  go(url);
});

const refresh = () => document.hidden || show(location.pathname + location.search);
setInterval(refresh, 10000);
document.addEventListener("visibilitychange", refresh);
