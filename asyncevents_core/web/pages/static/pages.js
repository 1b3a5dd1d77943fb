// What pages gain where JavaScript runs. All of them work without.
"use strict";

(() => {
  const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

  // Times are sent in UTC, which stays in their title.
  const toLocalTimes = (part) => {
    for (const one of part.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(one.dateTime);
      if (!Number.isNaN(at.getTime())) {
        one.textContent = zoned.format(at);
        one.dataset.local = "";
      }
    }
  };

  // The menu is open without JavaScript, and closed on narrow screens with it.
  const foldMenu = () => {
    const menu = document.querySelector("[data-menu]");
    if (menu && !window.matchMedia("(min-width: 60rem)").matches) menu.removeAttribute("open");
  };

  const prepare = (part) => {
    toLocalTimes(part);
    for (const one of part.querySelectorAll("[hidden][data-script]")) one.hidden = false;
  };

  document.addEventListener("click", async (event) => {
    const copying = event.target.closest("[data-copy]");
    if (copying) {
      const text = document.querySelector(copying.dataset.copy).textContent;
      await navigator.clipboard.writeText(text);
      const before = copying.textContent;
      copying.textContent = "Copied";
      setTimeout(() => { copying.textContent = before; }, 1500);
    }
  });

  // Finds text in a tree: what has it is marked and unfolded.
  document.addEventListener("input", (event) => {
    const where = event.target.dataset?.find;
    if (!where) return;
    const wanted = event.target.value.toLowerCase();
    for (const one of document.querySelectorAll(`${where} span`)) {
      const found = wanted !== "" && one.textContent.toLowerCase().includes(wanted);
      one.classList.toggle("found", found);
      if (found) {
        for (let at = one.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
      }
    }
  });

  // Names of fields are offered for the word that is being typed in a search.
  document.addEventListener("input", (event) => {
    const box = event.target;
    const list = box.dataset?.fields && document.getElementById(box.getAttribute("list"));
    if (!list) return;
    const [, before, word] = box.value.match(/^(.*?)([A-Za-z_][A-Za-z_.]*)?$/s);
    const fits = word ? box.dataset.fields.split(" ").filter((one) => one.startsWith(word)) : [];
    list.replaceChildren(...fits.map((one) => new Option("", `${before}${one}:`)));
  });

  // A box that checks all boxes of its name.
  document.addEventListener("change", (event) => {
    const name = event.target.dataset?.checkAll;
    if (!name) return;
    for (const one of document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(name)}"]`)) {
      one.checked = event.target.checked;
    }
  });

  // "/" goes to the search box, where there is one.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const box = document.querySelector("[data-search]");
    if (box) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  });

  // Nothing refreshes itself where nobody looks, nor under the hands of somebody who reads a table
  // that they opened, or goes through links by keyboard.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (part.dataset.live === undefined) return;
    if (document.hidden || part.querySelector("details[open], :focus-visible")) event.preventDefault();
  });

  document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
  prepare(document);
  foldMenu();
})();
