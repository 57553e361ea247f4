"""Checks that run in the page: names of controls, order of headings, labels, and the contrast of what is written (WCAG 2.1 AA)."""

FAULTS = """() => {
  const faults = [];
  const shown = (node) => node.checkVisibility() && !node.closest("dialog:not([open])");
  const name = (node) => (node.getAttribute("aria-label") ?? node.textContent ?? "").trim() || node.title
    || [...(node.labels ?? [])].map((label) => label.textContent).join("").trim()
    || (node.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("").trim();
  for (const node of document.querySelectorAll("button, a[href], input, select, summary"))
    if (shown(node) && !(node.matches("input, select") ? [...node.labels].some((label) => label.textContent.trim()) : name(node)))
      faults.push(`no name: ${node.outerHTML.slice(0, 80)}`);
  for (const node of document.querySelectorAll("img:not([alt])")) faults.push(`no alt: ${node.src}`);
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`twice: #${id}`);
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "for"])
    for (const node of document.querySelectorAll(`[${attribute}]`))
      for (const id of node.getAttribute(attribute).split(" ")) if (!document.getElementById(id)) faults.push(`${attribute} leads nowhere: ${id}`);
  if (!document.documentElement.lang) faults.push("no language");
  if (document.querySelectorAll("main").length !== 1 || document.querySelectorAll("h1").length !== 1) faults.push("not one main and one h1");
  let level = 0;
  for (const node of document.querySelectorAll("h1, h2, h3, h4")) {
    if (!shown(node)) continue;
    const next = Number(node.tagName[1]);
    if (next > level + 1) faults.push(`heading skips a level: ${node.textContent}`);
    level = next;
  }
  for (const node of document.querySelectorAll("ul > :not(li)")) faults.push(`not a list item: ${node.outerHTML.slice(0, 80)}`);
  return faults;
}"""

POOR_CONTRAST = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const over = (top, below) => top.slice(0, 3).map((part, at) => (part * top[3] + below[at] * (255 - top[3])) / 255);
  const grounds = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      const stops = at === document.body ? [] : style.backgroundImage.match(/rgba?\\([^)]*\\)/g) ?? [];
      if (stops.length && !style.backgroundImage.startsWith("url")) return stops.map(rgba).map((stop) => over(stop, [0, 0, 0]));
      const colour = rgba(style.backgroundColor);
      layers.push(colour);
      if (colour[3] === 255) break;
    }
    let below = [255, 255, 255];
    for (const layer of layers.reverse()) below = over(layer, below);
    return [below];
  };
  const poor = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility() || node.closest("noscript, .cover .initials, .unseen, option")) continue;
    const style = getComputedStyle(node);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    for (const ground of grounds(node)) {
      const [high, low] = [light(over(rgba(style.color), ground)), light(ground)].sort((a, b) => b - a);
      const ratio = (high + 0.05) / (low + 0.05);
      if (ratio < (large ? 3 : 4.5)) poor.add(`${ratio.toFixed(2)} ${node.tagName}.${node.className}: ${node.textContent.trim().slice(0, 30)}`);
    }
  }
  return [...poor];
}"""
