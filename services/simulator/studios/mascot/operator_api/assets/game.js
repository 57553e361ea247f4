// The slot: asks the studio for spins and shows what came. Money is in minor units everywhere, as on the wire.

import { Reels } from "./reels.js";
import { Sound } from "./sound.js";
import { element, showExchanges } from "./wire.js";

const ASK_AGAIN_MS = 700;
const ASKED_MAX = 12;
const ROUNDS_MAX = 20;

const game = document.querySelector("main.game");
const state = JSON.parse(game.dataset.state);
const part = (id) => game.querySelector(`[data-testid="${id}"]`);
const page = location.pathname.replace(/\/$/, "");

const reels = new Reels(part("reels"), state.art, state.symbols);
const sound = new Sound(part("sound"));
let last = 0;

const REFUSALS = {
  1: "Not enough money",
  2: "Wrong currency",
  5: "A limit of the player forbids it",
  6: "The bet is above the stake limit",
  7: "The operator did not do it",
};
const RESULTS = { sent: "on its way", done: "played", refused: "refused", unknown: "being rolled back", rolled_back: "rolled back" };

// --- money ------------------------------------------------------------------------------------------------------------

function decimal(minor) {
  if (!state.digits) return String(minor);
  const text = String(Math.abs(minor)).padStart(state.digits + 1, "0");
  return `${minor < 0 ? "-" : ""}${text.slice(0, -state.digits)}.${text.slice(-state.digits)}`;
}

const money = (minor) => `${decimal(minor)} ${state.currency}`;

function showMoney() {
  const told = state.balance !== null;
  part("balance").textContent = told ? money(state.balance) : "not told";
  part("balance").dataset.minor = told ? String(state.balance) : "";
  part("problem").textContent = state.problem ?? "";
  part("problem").hidden = !state.problem;
  showFree();
}

function showWin(minor) {
  part("win").textContent = money(minor);
  part("win").dataset.minor = String(minor);
}

function take(told) {
  if (told.balance !== null) {
    state.balance = told.balance;
    state.problem = "";
  }
  if (told.free_rounds_left !== null) state.free_rounds_left = told.free_rounds_left;
}

// --- bets and free rounds ---------------------------------------------------------------------------------------------

const bets = part("bet");

function fillBets() {
  for (const bet of state.bets) bets.append(new Option(money(bet), String(bet)));
  const wanted = state.bets.findLast((bet) => bet <= 100) ?? state.bets[0];
  bets.value = String(wanted);
  const step = (by) => {
    bets.selectedIndex = Math.min(Math.max(bets.selectedIndex + by, 0), bets.options.length - 1);
    showSteps();
  };
  part("bet-down").addEventListener("click", () => step(-1));
  part("bet-up").addEventListener("click", () => step(1));
  bets.addEventListener("change", showSteps);
  showSteps();
}

function showSteps() {
  const busy = game.dataset.phase !== "idle" || playsFree();
  bets.disabled = busy;
  part("bet-down").disabled = busy || bets.selectedIndex === 0;
  part("bet-up").disabled = busy || bets.selectedIndex === bets.options.length - 1;
}

const playsFree = () => Boolean(part("free-toggle")?.checked);

function showFree() {
  const toggle = part("free-toggle");
  if (!toggle) return;
  const left = state.free_rounds_left ?? 0;
  const number = element("b", "", String(left));
  const each = state.free_round_bet ? `, ${money(state.free_round_bet)} each` : "";
  part("free-rounds").replaceChildren("Free rounds left: ", number, each);
  part("free-rounds").dataset.left = String(left);
  toggle.disabled = left === 0;
  if (left === 0) toggle.checked = false;
  showButton();
}

function showButton() {
  part("spin").textContent = playsFree() ? "Free spin" : "Spin";
  showSteps();
}

// --- rounds -----------------------------------------------------------------------------------------------------------

function showRounds() {
  const body = part("history").querySelector("tbody");
  body.replaceChildren(...state.rounds.slice(0, ROUNDS_MAX).map(row));
  part("history-empty").hidden = state.rounds.length > 0;
  part("history").hidden = state.rounds.length === 0;
}

function row(round) {
  const made = element("tr", round.state, undefined, "history-row");
  made.dataset.state = round.state;
  made.dataset.ref = round.transaction_ref;
  const played = round.state === "done";
  const result = round.state === "refused" && round.code ? `refused (error ${round.code})` : RESULTS[round.state];
  made.append(
    element("td", "", new Date(round.played_ms).toLocaleTimeString()),
    element("td", "", round.free_round ? `free ${decimal(round.bet)}` : decimal(round.bet)),
    element("td", played && round.win ? "plus" : "", played ? decimal(round.win) : "–"),
    element("td", "", result),
  );
  return made;
}

// --- one spin ---------------------------------------------------------------------------------------------------------

function phase(name) {
  game.dataset.phase = name;
  const busy = name !== "idle";
  part("spin").setAttribute("aria-disabled", String(name === "spinning"));
  for (const button of game.querySelectorAll("[data-mode]")) button.disabled = busy || state.demo;
  showSteps();
}

function say(text, mood = "") {
  const banner = part("banner");
  banner.textContent = text;
  banner.className = `banner ${mood}`;
  part("live").textContent = state.balance === null ? text : `${text}. Balance ${money(state.balance)}.`;
}

async function post(path, content) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) };
  const answer = await fetch(`${page}/${path}`, options);
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const why = typeof told.detail === "string" ? told.detail : `HTTP ${answer.status}`;
    throw new Error(why);
  }
  return told;
}

async function spin(mode = "normal") {
  if (game.dataset.phase === "landing") {
    reels.hurry();
    return;
  }
  if (game.dataset.phase !== "idle") return;
  last += 1;
  phase("spinning");
  showWin(0);
  say(mode === "normal" ? "Spinning" : "Misbehaving", "busy");
  reels.start();
  sound.spin();
  const free = playsFree();
  const bet = free && state.free_round_bet ? state.free_round_bet : Number(bets.value);
  try {
    const played = await post("spin", { bet, free_round: free, mode });
    showExchanges(part("exchanges"), played.exchanges);
    if (played.lesson) showLesson(played.lesson);
    await settle(played);
  } catch (error) {
    reels.rest();
    say(`The spin could not be played: ${error.message}`, "bad");
  }
  phase("idle");
  showFree();
}

async function settle(played) {
  const outcome = played.outcome;
  const round = { ...outcome, played_ms: Date.now() };
  if (played.reels) {
    phase("landing");
    await reels.land(played.reels.grid, played.reels.wins, (reel) => sound.reel(reel));
    showWin(outcome.win);
  } else reels.rest();
  state.rounds.unshift(round);
  take(outcome);
  showMoney();
  showRounds();
  if (outcome.state === "done") announce(outcome);
  else if (outcome.state === "refused") say(refusal(outcome), "bad");
  else if (outcome.state === "rolled_back") say("The round was rolled back: nothing moved", "bad");
  else {
    say("Nobody knows whether the bet was taken: the studio rolls it back", "bad");
    void follow(last);
  }
}

function announce(outcome) {
  if (outcome.win > 0) {
    say(`You win ${money(outcome.win)}`, outcome.win >= outcome.bet * 10 ? "won big" : "won");
    sound.win();
  } else say("No win this time");
}

function refusal(outcome) {
  if (!outcome.code) return "The call stayed outside: nothing moved";
  return `${REFUSALS[outcome.code] ?? "The operator refused"} (error ${outcome.code})`;
}

/** Asks how an unknown round stands until it is rolled back, or another spin has begun. */
async function follow(number) {
  for (let asked = 0; asked < ASKED_MAX && number === last; asked += 1) {
    await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
    if (number !== last) return;
    try {
      if (await ask()) {
        say("The round was rolled back: nothing moved", "bad");
        return;
      }
    } catch {
      // The studio does not answer just now; it is asked again.
    }
  }
}

/** Asks for the balance; true where no round is open any more. */
async function ask() {
  const told = await post("balance", {});
  take(told);
  state.problem = told.balance === null ? `The operator answered getBalance with: ${told.problem}` : told.problem;
  state.rounds = told.rounds;
  showExchanges(part("exchanges"), told.exchanges);
  showMoney();
  showRounds();
  return told.rounds.every((round) => round.state !== "unknown" && round.state !== "sent");
}

// --- misbehaviour -----------------------------------------------------------------------------------------------------

function showLesson(lesson) {
  const verdict = part(`lesson-${lesson.mode}`);
  verdict.hidden = false;
  verdict.dataset.expected = String(lesson.as_expected);
  verdict.className = `verdict ${lesson.as_expected ? "right" : "wrong"}`;
  const head = element("p", "head", lesson.as_expected ? "As expected" : "Not as expected", `verdict-${lesson.mode}`);
  const came = element("p", "", "", `came-${lesson.mode}`);
  came.append(element("b", "", "Came: "), lesson.came);
  const before = lesson.balance_before === null ? "not told" : money(lesson.balance_before);
  const after = lesson.balance_after === null ? "not told" : money(lesson.balance_after);
  verdict.replaceChildren(head, came, element("p", "moved", `Balance before ${before}, after ${after}.`));
  if (part("wire")) part("wire").open = true;
}

// --- start ------------------------------------------------------------------------------------------------------------

function listen() {
  part("spin").addEventListener("click", () => void spin());
  part("free-toggle")?.addEventListener("change", showButton);
  part("ask-balance")?.addEventListener("click", () => ask().catch((error) => say(`The balance was not told: ${error.message}`, "bad")));
  for (const button of game.querySelectorAll("[data-mode]")) button.addEventListener("click", () => void spin(button.dataset.mode));
  document.addEventListener("keydown", (event) => {
    const free = event.target === document.body || event.target === part("spin");
    if (event.code !== "Space" || !free || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    void spin();
  });
  // A focused button would be pressed by the same key once more when it goes up.
  part("spin").addEventListener("keyup", (event) => event.code === "Space" && event.preventDefault());
}

if (part("free-toggle")) part("free-toggle").checked = (state.free_rounds_left ?? 0) > 0;
state.problem = state.balance === null ? part("problem").textContent : state.problem;
fillBets();
reels.show(state.grid);
showMoney();
showWin(0);
showRounds();
showExchanges(part("exchanges"), state.exchanges);
listen();
game.dataset.ready = "true";
