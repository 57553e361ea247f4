// The charts of reports: stake and GGR by gaming day, from what the page holds. Without it the page has its table.
"use strict";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const charts = [];

const draw = (box) => {
  const { days, stake, ggr } = JSON.parse(box.dataset.points);
  const seconds = days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000);
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const series = (label, stroke) => ({ label, stroke, width: 2, points: { show: days.length < 2 } });
  const day = (at) => new Date(at * 1000).toISOString().slice(0, 10);
  const plain = (value) => (value === null ? "–" : value.toLocaleString("en", { maximumFractionDigits: 2 }));
  const chart = new uPlot(
    {
      width: box.clientWidth,
      height: 240,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      scales: { x: { time: true } },
      axes: [
        { ...axis, incrs: [1, 2, 7, 14, 28, 56, 112].map((count) => count * 86400), values: (_, ticks) => ticks.map((at) => day(at).slice(5)) },
        { ...axis, size: 76, values: (_, ticks) => ticks.map(plain) },
      ],
      series: [
        { label: "Day", value: (_, at) => (at === null ? "–" : day(at)) },
        { ...series("Stake", colour("--accent")), value: (_, value) => plain(value) },
        { ...series("GGR", colour("--good")), value: (_, value) => plain(value) },
      ],
    },
    [seconds, stake.map(Number), ggr.map(Number)],
    box,
  );
  charts.push([chart, box]);
};

document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("[data-points]")) draw(box);
});
window.addEventListener("resize", () => {
  for (const [chart, box] of charts) chart.setSize({ width: box.clientWidth, height: 240 });
});
