// The tiles of games: drawn a screenful at a time, moved over with the arrow keys.

import { drawing, element, hue, initials, title } from "./text.js";

const STEP = 60;
const MARKS_SHOWN = 2;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Tiles {
  #open;
  #playing = false;
  #games = [];
  #shown = 0;
  #grid = document.getElementById("grid");

  // `open(game, demo, button)` is called where a game is to be played.
  constructor(open) {
    this.#open = open;
    new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && this.#more(), { rootMargin: "900px" })
      .observe(document.getElementById("end"));
    document.getElementById("games").addEventListener("keydown", (event) => this.#key(event));
  }

  // Whether games can be played here at all.
  set playing(on) { this.#playing = on; }

  wait(number) {
    this.#grid.setAttribute("aria-busy", "true");
    this.#grid.replaceChildren(
      ...Array.from({ length: number }, () => element("li", { className: "cell", "aria-hidden": "true" }, element("div", { className: "ghost-tile" }))),
    );
    this.#games = [];
  }

  show(games) {
    this.#games = games;
    this.#shown = 0;
    this.#grid.removeAttribute("aria-busy");
    this.#grid.replaceChildren();
    this.#more();
  }

  rows(collections) {
    document.getElementById("rows").replaceChildren(...collections.map((row, number) => this.#row(row, `row-${number}`)));
  }

  #row(row, id) {
    const list = element("ul", {}, ...row.games.slice(0, STEP).map((game) => this.#tile(game)));
    const turn = (by, label, path) => {
      const button = element("button", { type: "button", className: "icon", "aria-label": `${label}: ${row.title}` }, drawing(path));
      button.addEventListener("click", () => list.scrollBy({ left: by * list.clientWidth * 0.85, behavior: "smooth" }));
      return button;
    };
    const turns = element("div", { className: "turn" }, turn(-1, "Back", "M15 5 8 12l7 7"), turn(1, "On", "m9 5 7 7-7 7"));
    const heading = element(
      "div", { className: "heading" },
      element("h2", { id, text: row.title }), element("p", { className: "soft", text: counted(row.games.length) }), turns,
    );
    return element("section", { className: "row", "aria-labelledby": id }, heading, list);
  }

  #more() {
    const next = this.#games.slice(this.#shown, this.#shown + STEP);
    this.#shown += next.length;
    this.#grid.append(...next.map((game) => this.#tile(game)));
  }

  #tile(game) {
    const play = (demo) => (event) => this.#open(game, demo, event.currentTarget.closest(".tile").querySelector(demo ? ".demo" : ".main") ?? event.currentTarget);
    const actions = element("div", { className: "actions" });
    if (this.#playing) {
      const main = element("button", { type: "button", className: "main", text: "Play", "aria-label": `Play ${game.name}` });
      main.addEventListener("click", play(false));
      actions.append(main);
      if (game.demo) {
        const demo = element("button", { type: "button", className: "ghost demo", text: "Demo", "aria-label": `Demo of ${game.name}` });
        demo.addEventListener("click", play(true));
        actions.append(demo);
      }
    }
    const cover = element("div", { className: "cover" }, this.#picture(game), this.#badges(game));
    if (this.#playing) cover.addEventListener("click", play(false));
    else cover.style.cursor = "default";
    const words = element("div", { className: "words" }, element("h3", { text: game.name }), game.studio && element("p", { text: game.studio }));
    const tile = element("article", { className: "tile", "data-game": `${game.account}|${game.id}`, tabindex: this.#playing ? undefined : "0" }, cover, words, this.#playing && actions);
    return element("li", { className: "cell" }, tile);
  }

  #picture(game) {
    const initial = element("span", { className: "initials", text: initials(game.name), "aria-hidden": "true" });
    initial.style.setProperty("--hue", hue(game.name));
    if (!game.cover) return tinted(initial, game);
    const image = element("img", { src: game.cover, alt: "", loading: "lazy", decoding: "async", referrerpolicy: "no-referrer", width: "300", height: "400" });
    image.addEventListener("error", () => image.replaceWith(tinted(initial, game)));
    return image;
  }

  #badges(game) {
    const own = game.marks.slice(0, MARKS_SHOWN).map((mark) => [title(mark), "mark"]);
    const found = [game.isNew && ["New", "new"], ...own, game.freeRounds && ["Free rounds", "gift"], game.demo && ["Demo", ""]].filter(Boolean);
    return found.length ? element("div", { className: "badges" }, ...found.map(([text, kind]) => element("span", { className: `badge ${kind}`.trim(), text }))) : undefined;
  }

  // Arrow keys go to the nearest tile in that direction, also from one row to another.
  #key(event) {
    const way = ARROWS[event.key];
    const at = event.target.closest?.(".tile");
    if (!way || !at || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const next = nearest(at, [...document.querySelectorAll(".tile")], way);
    if (!next) return;
    event.preventDefault();
    const same = event.target.classList.contains("demo") ? next.querySelector(".demo") : null;
    (same ?? next.querySelector(".main") ?? next).focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "smooth" });
  }

  focusFirst() {
    const first = document.querySelector("#grid .tile");
    (first?.querySelector(".main") ?? first)?.focus();
  }
}

export function counted(number) { return number === 1 ? "1 game" : `${number.toLocaleString()} games`; }

function tinted(initial, game) {
  queueMicrotask(() => initial.parentElement?.style.setProperty("--hue", hue(game.name)));
  return initial;
}

function nearest(from, tiles, [x, y]) {
  const here = middle(from);
  let best = null;
  let least = Infinity;
  for (const tile of tiles) {
    if (tile === from) continue;
    const there = middle(tile);
    const along = (there.x - here.x) * x + (there.y - here.y) * y;
    const aside = Math.abs((there.x - here.x) * y) + Math.abs((there.y - here.y) * x);
    // Sideways stays on the line; up and down prefers the tile right above or below.
    if (along < 8 || (x !== 0 && aside > here.height / 2)) continue;
    const distance = along + aside * 2;
    if (distance < least) [best, least] = [tile, distance];
  }
  return best;
}

function middle(tile) {
  const box = tile.getBoundingClientRect();
  return { x: box.left + box.width / 2, y: box.top + box.height / 2, height: box.height };
}
