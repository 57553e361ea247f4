// What the console's pages do beyond showing: menu on phones, confirmations, messages of failed parts. No page depends on it.
"use strict";

const menu = document.querySelector("[data-menu]");
if (menu) {
  document.documentElement.classList.add("scripted");
  const set = (open) => {
    menu.setAttribute("aria-expanded", String(open));
    document.getElementById("nav").classList.toggle("open", open);
  };
  menu.addEventListener("click", () => set(menu.getAttribute("aria-expanded") !== "true"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.getAttribute("aria-expanded") === "true") {
      set(false);
      menu.focus();
    }
  });
}

// A form with data-confirm asks before it is sent; one that was sent is not sent twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) {
    event.preventDefault();
    return;
  }
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Selects that choose what a page shows send their form at once.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

const toast = document.getElementById("toast");
let hiding = 0;
const tell = (text) => {
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, 8000);
};
document.addEventListener("htmx:responseError", (event) => {
  const page = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  tell(page.body.textContent.trim().slice(0, 300) || `The server answered ${event.detail.xhr.status}.`);
});
document.addEventListener("htmx:sendError", () => tell("The server cannot be reached. What is shown may be old."));
