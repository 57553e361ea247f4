// The stage: a launched game in a frame over the lobby, and the dialog that says why one could not be opened.

import * as api from "./api.js";
import { element } from "./text.js";

const PERMISSIONS = "allow-scripts allow-same-origin allow-forms allow-popups allow-top-navigation-by-user-activation";

const byId = (id) => document.getElementById(id);

export class Stage {
  #back = null;
  #busy = false;
  #closed;

  // `closed()` is called when the player comes back to the lobby.
  constructor(closed) {
    this.#closed = closed;
    byId("stage-close").addEventListener("click", () => byId("stage").close());
    byId("stage-tab").addEventListener("click", () => byId("stage").close());
    byId("stage").addEventListener("close", () => this.#clear());
    byId("stage-full").hidden = !document.fullscreenEnabled;
    byId("stage-full").addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : byId("stage").requestFullscreen()));
    byId("trouble-close").addEventListener("click", () => byId("trouble").close());
  }

  get isOpen() { return byId("stage").open; }

  async open(game, { demo, device, button }, key = api.newKey()) {
    if (this.#busy || this.isOpen) return;
    this.#busy = true;
    this.#back = button;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    try {
      const launched = await api.launch({ provider_account: game.account, game_id: game.id, demo, device, key });
      this.#show(game, launched, demo);
    } catch (error) {
      if (!(error instanceof api.Trouble)) throw error;
      this.#explain(error, () => this.open(game, { demo, device, button }, key));
    } finally {
      this.#busy = false;
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
  }

  #show(game, launched, demo) {
    byId("stage-title").textContent = game.name;
    byId("stage-mode").textContent = demo ? "Demo" : launched.free_rounds ? `${launched.free_rounds} free rounds` : "Play money";
    byId("stage-balance").hidden = demo;
    byId("stage-tab").href = launched.launch_url;
    byId("stage-wait").hidden = false;
    const frame = element("iframe", { title: `${game.name}, the game`, src: launched.launch_url, sandbox: PERMISSIONS, allow: "autoplay; fullscreen", referrerpolicy: "no-referrer" });
    frame.addEventListener("load", () => { byId("stage-wait").hidden = true; frame.focus(); });
    byId("stage-body").append(frame);
    byId("stage").showModal();
  }

  #clear() {
    byId("stage-body").querySelector("iframe")?.remove();
    if (document.fullscreenElement) document.exitFullscreen();
    // The tiles may have been drawn anew meanwhile: then the same game's button is another element.
    const label = this.#back?.getAttribute("aria-label") ?? "";
    const back = this.#back?.isConnected ? this.#back : document.querySelector(`button[aria-label="${CSS.escape(label)}"]`);
    back?.focus({ preventScroll: true });
    this.#closed();
  }

  #explain(trouble, again) {
    byId("trouble-title").textContent = trouble.title;
    byId("trouble-text").textContent = trouble.detail;
    byId("trouble-advice").textContent = trouble.advice;
    byId("trouble-id").textContent = trouble.requestId ? `Request ${trouble.requestId}` : "";
    const button = byId("trouble-again");
    button.hidden = !trouble.mayPass;
    button.onclick = () => { byId("trouble").close(); again(); };
    byId("trouble").showModal();
  }
}
