// The lobby: loads the games, finds them, opens them, keeps the balance fresh. Draws nothing itself.

import * as api from "./api.js";
import { Filters, near } from "./filters.js";
import { Stage } from "./stage.js";
import { Tiles, counted } from "./tiles.js";
import { drawing, element, money, plain, title } from "./text.js";

const SEARCH_AFTER_MS = 140;
const BALANCE_EVERY_MS = 2_000;
const GHOSTS = 18;
const ROWS_STANDING_IN = 3;
const ROWS_FROM = 24;
const EMPTY = "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14Zm5.500 12.500L21 21M8.500 11h5";
const BROKEN = "M12 8v5m0 3.500v.1M10.300 3.900 2.500 17.500A2 2 0 0 0 4.200 20.500h15.600a2 2 0 0 0 1.700-3L13.700 3.900a2 2 0 0 0-3.400 0Z";

const byId = (id) => document.getElementById(id);
const input = byId("search");

let games = [];
let collections = [];
let byKey = new Map();
let ranked = null;
let searching = null;
let loading = null;
let timer = 0;

const stage = new Stage(refreshBalance);
const filters = new Filters(draw, load);
const tiles = new Tiles((game, demo, button) => stage.open(game, { demo, device: filters.device, button }));

// --- games ------------------------------------------------------------------------------------------------------------

async function load() {
  loading?.abort();
  const mine = (loading = new AbortController());
  byId("state").hidden = true;
  byId("rows").replaceChildren();
  byId("results-count").textContent = "Loading ...";
  tiles.wait(GHOSTS);
  try {
    take(await api.games(filters.device, mine.signal));
  } catch (error) {
    if (mine.signal.aborted) return;
    fail(error);
    return;
  }
  draw();
  if (input.value.trim()) look();
}

function take(view) {
  games = view.games.map((game) => ({
    account: game.provider_account,
    id: game.game_id,
    name: game.name,
    studio: game.studio,
    section: game.section,
    type: game.type,
    tags: game.tags,
    features: game.features,
    lines: game.lines,
    cover: game.image,
    demo: game.features.includes("demo"),
    freeRounds: game.features.includes("free_rounds"),
    since: Date.parse(game.released || game.first_seen) || 0,
    isNew: game.badges.includes("new"),
    marks: game.badges.filter((badge) => badge !== "new"),
    words: plain([game.name, game.studio, game.section, game.type, ...game.tags].join(" ")),
  }));
  byKey = new Map(games.map((game) => [keyOf(game.account, game.id), game]));
  collections = view.collections
    .map((each) => ({ title: each.title, games: each.games.map((game) => byKey.get(keyOf(game.provider_account, game.game_id))).filter(Boolean) }))
    .filter((each) => each.games.length > 0);
  if (collections.length === 0) collections = sections();
  filters.offer(games);
}

// Until the operator has made collections, what is new and the largest sections stand in for them.
function sections() {
  const found = new Map();
  for (const game of games) if (game.section) found.set(game.section, [...(found.get(game.section) ?? []), game]);
  const largest = [...found].sort((a, b) => b[1].length - a[1].length).slice(0, ROWS_STANDING_IN);
  const fresh = games.filter((game) => game.isNew);
  const rows = largest.map(([section, members]) => ({ title: title(section), games: members }));
  return games.length < ROWS_FROM ? [] : [...(fresh.length ? [{ title: "New", games: fresh }] : []), ...rows];
}

function draw() {
  const words = input.value.trim();
  const found = filters.pick(words ? ranked ?? near(games, words) : null);
  const plainList = !words && !filters.active;
  tiles.rows(plainList ? collections : []);
  byId("results-title").textContent = words ? "Found" : plainList ? "All games" : "Games";
  byId("results-count").textContent = counted(found.length);
  tiles.show(found);
  if (found.length > 0) byId("state").hidden = true;
  else if (games.length === 0) say(EMPTY, "No games yet", "The catalogue has no games for this device. They appear here as soon as the provider's list was read.", "Look again", load);
  else say(EMPTY, "No game fits", words ? `Nothing is like "${words}" with these filters.` : "No game has all of that.", "Show all games", reset);
}

function fail(error) {
  tiles.show([]);
  byId("results-count").textContent = "";
  const text = error instanceof api.Trouble ? `${error.detail} ${error.advice}` : "The answer of the server could not be read.";
  say(BROKEN, error.title ?? "The games could not be loaded", text, "Try again", load);
}

function say(picture, title, text, action, then) {
  const button = element("button", { type: "button", className: "main", text: action });
  button.addEventListener("click", then);
  byId("state").replaceChildren(drawing(picture), element("h3", { text: title }), element("p", { className: "soft", text }), button);
  byId("state").hidden = false;
}

function reset() {
  input.value = "";
  ranked = null;
  filters.clear();
  input.focus();
}

function keyOf(account, id) { return `${account}|${id}`; }

// --- search -----------------------------------------------------------------------------------------------------------

// The page's own games at once; what the server finds, mistakes forgiven, a moment later.
function look() {
  clearTimeout(timer);
  searching?.abort();
  ranked = null;
  draw();
  const words = input.value.trim();
  if (words.length < 2) return;
  timer = setTimeout(async () => {
    const mine = (searching = new AbortController());
    try {
      const found = await api.search(words, mine.signal);
      const best = near(games, words);
      const further = found.games.map((game) => byKey.get(keyOf(game.provider_account, game.game_id))).filter((game) => game && !best.includes(game));
      ranked = [...best, ...further];
      draw();
    } catch (error) {
      // What the page has found itself stays.
      if (!mine.signal.aborted) console.warn("the search went without the server", error);
    }
  }, SEARCH_AFTER_MS);
}

input.addEventListener("input", look);
byId("search-form").addEventListener("submit", (event) => { event.preventDefault(); tiles.focusFirst(); });
input.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") { event.preventDefault(); tiles.focusFirst(); }
  if (event.key === "Escape" && input.value) { event.preventDefault(); input.value = ""; look(); }
});
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest?.("input, select, textarea, [contenteditable]");
  if (event.key !== "/" || writing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  input.focus();
  input.select();
});

// --- the player -------------------------------------------------------------------------------------------------------

async function refreshBalance() {
  let found;
  try {
    found = await api.player();
  } catch (error) {
    if (!(error instanceof api.Trouble)) throw error;
    // The sum that is shown stays; the next look comes soon.
    byId("purse").title = error.detail;
    return;
  }
  byId("purse").hidden = !found.playing;
  if (found.playing) {
    byId("purse").title = `Player ${found.player_id}`;
    const sum = money(found.balance, found.currency);
    for (const shown of [byId("balance"), byId("stage-balance")]) write(shown, sum);
  } else {
    byId("notice").replaceChildren(element("strong", { text: "These games are only shown." }), document.createTextNode(found.why));
    byId("notice").hidden = false;
  }
}

function write(output, sum) {
  if (output.textContent === sum) return;
  output.classList.remove("changed");
  output.textContent = sum;
  void output.offsetWidth; // so that the movement begins anew
  output.classList.add("changed");
}

async function keepBalance() {
  if (stage.isOpen && document.visibilityState === "visible") await refreshBalance();
  setTimeout(keepBalance, BALANCE_EVERY_MS);
}

document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible" && !byId("purse").hidden) refreshBalance(); });

// --- light and dark ---------------------------------------------------------------------------------------------------

byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const now = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  root.dataset.theme = now === "light" ? "dark" : "light";
  try {
    localStorage.setItem("stakewire-theme", root.dataset.theme);
  } catch {
    // It holds for this page only.
  }
});

// --- start ------------------------------------------------------------------------------------------------------------

tiles.playing = document.documentElement.dataset.playing === "yes";
await Promise.all([refreshBalance(), load()]);
keepBalance();
