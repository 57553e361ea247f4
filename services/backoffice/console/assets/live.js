// The live board: draws what its stream of events tells. It counts with no money, and shows every text as text.
"use strict";

(() => {
  const SHOWN_S = 300;
  const SILENT_MS = 20000;
  const root = document.getElementById("live");
  if (!root) return;

  const byId = (id) => document.getElementById(id);
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: root.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const minute = new Intl.DateTimeFormat("en-GB", { timeZone: root.dataset.zone, hour: "2-digit", minute: "2-digit" });
  const whole = new Intl.NumberFormat("en");
  const seconds = new Map();
  let at = 0;
  let paused = false;
  let drawnAt = 0;
  let heardAt = Date.now();
  let over = "";
  let held = null;

  const OVER = {
    "signed-out": "You are not signed in any more. Reload the page to sign in again.",
    "full": "Too many pages show the live board already. Close one, then reload this page.",
    "stopped": "The server is restarting; the page connects again by itself.",
  };

  const state = (kind, name, words) => {
    const badge = byId("live-state");
    if (badge.textContent !== name) {
      badge.className = `badge ${kind}`;
      badge.textContent = name;
    }
    byId("live-words").textContent = words || "";
    byId("live-words").hidden = !words;
  };

  const cell = (text, kind, tag = "td") => {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    made.textContent = text;
    return made;
  };
  const link = (url, text, kind) => {
    const box = document.createElement("td");
    const made = document.createElement("a");
    made.href = url;
    made.textContent = text;
    if (kind) made.className = kind;
    box.append(made);
    return box;
  };
  const fill = (id, rows, empty, columns) => {
    const body = byId(id);
    // Who stands in the table with the keyboard is not thrown out of it.
    if (body.contains(document.activeElement)) return;
    if (rows.length === 0) {
      const none = cell(empty, "soft");
      none.colSpan = columns;
      rows = [[none]];
    }
    body.replaceChildren(...rows.map((cells) => {
      const row = document.createElement("tr");
      row.append(...cells);
      return row;
    }));
  };

  const ago = (s) => {
    if (s === null || s < 0) return "–";
    if (s < 100) return `${s.toFixed(s < 10 ? 1 : 0)} s ago`;
    return s < 7200 ? `${Math.round(s / 60)} min ago` : `${Math.round(s / 3600)} h ago`;
  };
  const tile = (id, text, kind) => {
    const box = byId(`tile-${id}`);
    box.className = `tile ${kind || ""}`;
    box.querySelector(".tile-value").textContent = text;
  };

  // --- curves ----------------------------------------------------------------------------------------------------------

  const style = () => getComputedStyle(document.documentElement);
  const colour = (name) => style().getPropertyValue(name).trim();
  const axis = (label) => ({
    stroke: () => colour("--soft"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false },
    size: label ? 56 : 34, font: "12px system-ui, sans-serif",
  });
  const chart = (id, series) => {
    const box = byId(id);
    const drawn = new uPlot({
      width: box.clientWidth || 600,
      height: 180,
      cursor: { drag: { x: false, y: false } },
      legend: { live: true },
      scales: { x: { time: true }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), root.dataset.zone),
      axes: [
        { ...axis(false), space: 70, values: (_, at) => at.map((each) => (each % 60 ? "" : minute.format(new Date(each * 1000)))) },
        axis(true),
      ],
      series: [
        { label: "Time", value: (_, ts) => (ts === null ? "–" : clock.format(new Date(ts * 1000))) },
        ...series.map(([label, name, dash]) => ({
          label, stroke: () => colour(name), width: 2, dash, points: { show: false }, spanGaps: false,
          value: (_, v) => (v === null || v === undefined ? "–" : whole.format(v)),
        })),
      ],
    }, [[], ...series.map(() => [])], box);
    new ResizeObserver(() => drawn.setSize({ width: box.clientWidth, height: 180 })).observe(box);
    return drawn;
  };
  const rates = chart("rate-plot", [["OK", "--good"], ["Refused by rule", "--note", [6, 4]], ["Rejected", "--warn", [2, 3]], ["Unknown", "--bad"]]);
  const latencies = chart("latency-plot", [["p50", "--good"], ["p95", "--warn", [6, 4]], ["p99", "--bad"]]);

  const lately = (count) => {
    const last = Math.floor(at / 1000) - 1;
    const found = [];
    for (let each = last - count + 1; each <= last; each += 1) found.push(seconds.get(each) || [each, 0, 0, 0, 0, null, null, null]);
    return found;
  };
  const draw = () => {
    const rows = lately(SHOWN_S);
    const column = (place) => rows.map((row) => row[place]);
    rates.setData([column(0), column(1), column(2), column(3), column(4)]);
    latencies.setData([column(0), column(5), column(6), column(7)]);
    if (byId("live-numbers").open) {
      fill("live-seconds", rows.slice(-30).reverse().map((row) => [
        cell(clock.format(new Date(row[0] * 1000)), "", "th"),
        ...row.slice(1).map((value) => cell(value === null ? "–" : whole.format(value), "num")),
      ]), "", 8);
    }
  };

  // --- figures ---------------------------------------------------------------------------------------------------------

  const sum = (rows, places) => rows.reduce((total, row) => total + places.reduce((part, place) => part + row[place], 0), 0);
  const showFigures = (frame) => {
    const minute = lately(60);
    const ten = minute.slice(-10);
    const all = sum(minute, [1, 2, 3, 4]);
    const unknown = sum(minute, [4]);
    const slowest = Math.max(-1, ...ten.map((row) => (row[7] === null ? -1 : row[7])));
    tile("rate", whole.format(Math.round(sum(ten, [1, 2, 3, 4])) / 10));
    tile("good", all ? `${(100 * sum(minute, [1]) / all).toFixed(1)} %` : "–");
    tile("unknown", whole.format(unknown), unknown ? "bad" : "good");
    tile("p99", slowest < 0 ? "–" : `${whole.format(slowest)} ms`, slowest >= 2500 ? "bad" : slowest >= 1250 ? "warn" : "");
    const known = frame.lag.filter((each) => each.behind >= 0);
    const behind = known.reduce((total, each) => total + each.behind, 0);
    tile("behind", known.length ? whole.format(behind) : "–", behind > 10000 ? "bad" : behind > 1000 ? "warn" : "");
    tile("newest", ago(frame.newest_callback_s));
    byId("live-newest-play").textContent = ago(frame.newest_play_s);
    fill("live-results", frame.results.map((each) => [
      cell(each.result || "–", "", "th"), cell(each.verdict), cell(whole.format(each.count), "num"),
    ]), "No callback in the last minute.", 3);
    fill("live-lag", frame.lag.map((each) => [
      cell(each.topic, "", "th"), cell(each.behind < 0 ? "–" : whole.format(each.behind), "num"), cell(ago(each.wrote_s_ago), "num"),
    ]), "Nothing has been read yet.", 3);
  };
  const showPlays = (plays) => {
    const games = (list) => list.map((each) => [
      link(each.url, each.name), cell(`${each.stake} ${each.currency}`, "num"), cell(whole.format(each.bets), "num"),
    ]);
    fill("live-quarter", games(plays.quarter), "No stakes in the last 15 minutes.", 3);
    fill("live-hour", games(plays.hour), "No stakes in the last hour.", 3);
    fill("live-wins", plays.wins.map((each) => [
      cell(clock.format(new Date(each.at_ms)), "nowrap"), link(each.url, each.name), link(`/players/${each.player}`, each.player, "mono"),
      cell(`${each.win} ${each.currency}`, "num"), cell(each.stake || "–", "num"), cell(each.multiple || "–", "num"),
    ]), "No win in the last hour.", 6);
    byId("live-since").textContent = plays.since_s < 3600 ? `Read back ${Math.round(plays.since_s / 60)} of 60 minutes so far.` : "";
  };

  const show = (frame) => {
    const now = Date.now();
    showFigures(frame);
    if (!calm.matches || now - drawnAt >= 5000) {
      drawnAt = now;
      draw();
    }
  };
  const take = (event, anew) => {
    heardAt = Date.now();
    const frame = JSON.parse(event.data);
    if (anew) seconds.clear();
    for (const each of frame.seconds) seconds.set(each[0], each);
    for (const each of seconds.keys()) if (each < frame.at_ms / 1000 - SHOWN_S - 10) seconds.delete(each);
    if (!paused) at = frame.at_ms;
    if (paused) {
      held = { ...frame, plays: frame.plays || (held && held.plays) };
      return;
    }
    state("good", "live");
    show(frame);
    if (frame.plays) showPlays(frame.plays);
  };

  byId("live-pause").addEventListener("click", (event) => {
    paused = !paused;
    event.target.setAttribute("aria-pressed", String(paused));
    event.target.textContent = paused ? "Go on" : "Pause";
    if (paused) {
      state("note", "paused");
    } else if (held) {
      at = held.at_ms;
      state("good", "live");
      show(held);
      if (held.plays) showPlays(held.plays);
      held = null;
    }
  });
  byId("live-numbers").addEventListener("toggle", () => { if (at) draw(); });

  // --- connection ------------------------------------------------------------------------------------------------------

  const connect = () => {
    const source = new EventSource("/live/stream");
    source.addEventListener("whole", (event) => take(event, true));
    source.addEventListener("more", (event) => take(event, false));
    source.addEventListener("trouble", (event) => {
      heardAt = Date.now();
      state("bad", "standing still", JSON.parse(event.data).words);
    });
    source.addEventListener("over", (event) => {
      const why = JSON.parse(event.data).why;
      if (why === "stopped") return;
      over = OVER[why] || "The stream has ended. Reload the page.";
      source.close();
      state("bad", "ended", over);
    });
    source.onerror = () => {
      if (over) return;
      state("bad", "connection lost", "The connection is lost. What is shown is old; the page connects again by itself.");
      // A browser gives up where the answer was no stream of events.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
    };
    window.addEventListener("pagehide", () => source.close(), { once: true });
  };
  window.addEventListener("pageshow", (event) => { if (event.persisted) window.location.reload(); });
  setInterval(() => {
    const silent = Date.now() - heardAt;
    if (!over && silent > SILENT_MS) state("bad", "no news", `Nothing has come for ${Math.round(silent / 1000)} seconds. What is shown is old.`);
  }, 2000);
  connect();
})();
