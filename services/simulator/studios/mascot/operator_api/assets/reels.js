// The reels: they show what the studio has drawn, and decide nothing.

const ROWS = 3;
const LOOP_CELLS = 12;
const LOOP_MS = 420;
const LAND_MS = 620;
const LAND_STEP_MS = 170;

const still = window.matchMedia("(prefers-reduced-motion: reduce)");

export class Reels {
  constructor(root, art, names) {
    this.root = root;
    this.columns = [...root.querySelectorAll(".reel")];
    this.art = art;
    this.names = names;
    this.kinds = Object.keys(names);
    this.running = [];
    this.home = null;
  }

  /** Stands still at a grid: symbols reel by reel, from top to bottom. */
  show(grid) {
    this.stop();
    this.unmark();
    this.home ??= grid;
    this.columns.forEach((column, reel) => this.fill(column, grid[reel], reel));
    this.root.setAttribute("aria-label", `Reels: ${this.words(grid)}`);
  }

  /** Turns until it lands or stops. */
  start() {
    this.unmark();
    if (still.matches) return;
    for (const column of this.columns) {
      const loop = this.random(LOOP_CELLS);
      const cells = [...loop, ...loop.slice(0, ROWS)];
      const strip = this.strip(column, cells);
      strip.classList.add("fast");
      const from = `translateY(${(-LOOP_CELLS / cells.length) * 100}%)`;
      this.running.push(strip.animate([{ transform: from }, { transform: "none" }], { duration: LOOP_MS, iterations: Infinity }));
    }
  }

  /** Comes to rest at a grid, reel by reel; `onReel` is called as each stands. */
  async land(grid, wins, onReel) {
    this.stop();
    if (!still.matches) await Promise.all(this.columns.map((column, reel) => this.settle(column, grid[reel], reel, onReel)));
    this.show(grid);
    this.mark(wins);
  }

  /** Ends a landing at once. */
  hurry() {
    for (const animation of this.running) if (animation.effect.getTiming().iterations !== Infinity) animation.finish();
  }

  /** Back to where it stood at first, where no line pays: the round was not played. */
  rest() {
    if (this.home) this.show(this.home);
  }

  async settle(column, symbols, reel, onReel) {
    const between = 9 + reel * 3;
    const cells = [...symbols, ...this.random(between), ...this.random(ROWS)];
    const strip = this.strip(column, cells);
    const from = `translateY(${(-(between + ROWS) / cells.length) * 100}%)`;
    const timing = { duration: LAND_MS + reel * LAND_STEP_MS, easing: "cubic-bezier(.18,.75,.32,1.03)" };
    const animation = strip.animate([{ transform: from }, { transform: "none" }], timing);
    this.running.push(animation);
    await animation.finished.catch(() => undefined);
    onReel(reel);
  }

  stop() {
    for (const animation of this.running) animation.cancel();
    this.running = [];
  }

  mark(wins) {
    for (const win of wins) for (const [reel, row] of win.cells) this.columns[reel].querySelectorAll(".cell")[row].classList.add("won");
    this.root.classList.toggle("winning", wins.length > 0);
  }

  unmark() {
    this.root.classList.remove("winning");
    for (const cell of this.root.querySelectorAll(".won")) cell.classList.remove("won");
  }

  fill(column, symbols, reel) {
    const strip = this.strip(column, symbols);
    [...strip.children].forEach((cell, row) => {
      cell.dataset.testid = `cell-${reel}-${row}`;
      cell.dataset.symbol = symbols[row];
    });
  }

  strip(column, symbols) {
    const strip = document.createElement("div");
    strip.className = "strip";
    for (const name of symbols) {
      const cell = document.createElement("div");
      cell.className = "cell";
      const image = document.createElement("img");
      image.src = `../symbols/${this.art}/${name}.svg`;
      image.alt = "";
      cell.append(image);
      strip.append(cell);
    }
    column.replaceChildren(strip);
    return strip;
  }

  random(count) {
    return Array.from({ length: count }, () => this.kinds[Math.floor(Math.random() * this.kinds.length)]);
  }

  words(grid) {
    return Array.from({ length: ROWS }, (_, row) => grid.map((symbols) => this.names[symbols[row]]).join(", ")).join("; ");
  }
}
