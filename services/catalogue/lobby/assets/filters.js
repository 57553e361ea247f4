// Which games are wanted: the filters, the words, the order. Knows nothing of tiles.

import { NO_VALUE, element, plain, title } from "./text.js";

const SELECTS = ["section", "studio", "tag", "feature"];
const LISTS = { tag: "tags", feature: "features" };
const TYPES_SHOWN = 12;

export class Filters {
  #changed;
  #deviceChanged;
  #games = [];
  #type = NO_VALUE;

  constructor(changed, deviceChanged) {
    this.#changed = changed;
    this.#deviceChanged = deviceChanged;
    for (const name of SELECTS) select(name).addEventListener("change", () => this.#tell());
    const device = select("device");
    for (const [value, text] of [["desktop", "Desktop"], ["mobile", "Phone and tablet"]]) device.append(element("option", { value, text }));
    device.value = ownDevice();
    device.addEventListener("change", () => { this.#count(); this.#deviceChanged(); });
    document.getElementById("sort").addEventListener("change", () => this.#changed());
    document.getElementById("clear").addEventListener("click", () => this.clear());
    document.addEventListener("click", (event) => {
      const more = document.getElementById("more");
      if (!more.contains(event.target) && !isNarrow()) more.open = false;
    });
    document.getElementById("more").addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      document.getElementById("more").open = false;
      document.querySelector("#more > summary").focus();
    });
  }

  get device() { return select("device").value; }

  // Whether anything is asked for beyond the whole list.
  get active() { return this.#type !== NO_VALUE || SELECTS.some((name) => select(name).value !== NO_VALUE); }

  offer(games) {
    this.#games = games;
    for (const name of SELECTS) this.#fill(name, values(games, name));
    this.#chips();
    this.#count();
  }

  clear() {
    this.#type = NO_VALUE;
    for (const name of SELECTS) select(name).value = NO_VALUE;
    this.#chips();
    const foreign = this.device !== ownDevice();
    select("device").value = ownDevice();
    this.#tell();
    if (foreign) this.#deviceChanged();
  }

  // The games that fit, in the order that was chosen; `ranked` are those that the search found, best first.
  pick(ranked) {
    const chosen = Object.fromEntries(SELECTS.map((name) => [name, select(name).value]));
    const fits = (game) =>
      (this.#type === NO_VALUE || game.type === this.#type) &&
      SELECTS.every((name) => chosen[name] === NO_VALUE || of(game, name).includes(chosen[name]));
    const order = document.getElementById("sort").value;
    const found = (ranked ?? this.#games).filter(fits);
    return ranked && order === "position" ? found : sorted(found, order);
  }

  #tell() {
    this.#count();
    this.#changed();
  }

  #count() {
    const number = SELECTS.filter((name) => select(name).value !== NO_VALUE).length + (this.device === ownDevice() ? 0 : 1);
    const shown = document.getElementById("filter-count");
    shown.hidden = number === 0;
    shown.textContent = String(number);
    document.getElementById("clear").hidden = number === 0 && this.#type === NO_VALUE;
  }

  #fill(name, found) {
    const box = select(name);
    const before = box.value;
    box.replaceChildren(element("option", { value: NO_VALUE, text: "All" }), ...found.map(([value]) => element("option", { value, text: title(value) })));
    box.value = found.some(([value]) => value === before) ? before : NO_VALUE;
    box.parentElement.hidden = found.length < 2 && box.value === NO_VALUE && name !== "tag";
  }

  #chips() {
    const types = values(this.#games, "type");
    if (!types.some(([value]) => value === this.#type)) this.#type = NO_VALUE;
    const all = [[NO_VALUE, this.#games.length], ...types.sort((a, b) => b[1] - a[1]).slice(0, TYPES_SHOWN)];
    const chips = all.map(([value, number]) => {
      const chip = element(
        "button", { type: "button", className: "chip", "aria-pressed": String(value === this.#type) },
        document.createTextNode(value === NO_VALUE ? "All " : `${title(value)} `), element("span", { className: "soft", text: String(number) }),
      );
      chip.addEventListener("click", () => {
        this.#type = value;
        for (const other of chips) other.setAttribute("aria-pressed", String(other === chip));
        this.#tell();
      });
      return chip;
    });
    document.getElementById("types").replaceChildren(...chips);
  }
}

// What is found at once, while the server looks further: every word begins some word of the game.
export function near(games, words) {
  const wanted = plain(words).split(" ").filter(Boolean);
  return games.filter((game) => wanted.every((word) => ` ${game.words}`.includes(` ${word}`) || (word.length > 2 && game.words.includes(word))));
}

export function ownDevice() {
  return matchMedia("(pointer: coarse)").matches || isNarrow() ? "mobile" : "desktop";
}

function isNarrow() { return matchMedia("(max-width: 760px)").matches; }

function select(name) { return document.getElementById(`filter-${name}`); }

function of(game, name) {
  const value = game[LISTS[name] ?? name];
  return Array.isArray(value) ? value : [value];
}

// [value, number of games] by name.
function values(games, name) {
  const numbers = new Map();
  for (const game of games) for (const value of of(game, name)) if (value) numbers.set(value, (numbers.get(value) ?? 0) + 1);
  return [...numbers].sort((a, b) => title(a[0]).localeCompare(title(b[0])));
}

function sorted(games, order) {
  const byName = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });
  switch (order) {
    case "name": return [...games].sort(byName);
    case "-name": return [...games].sort((a, b) => byName(b, a));
    case "-new": return [...games].sort((a, b) => b.since - a.since || byName(a, b));
    default: return games;
  }
}
