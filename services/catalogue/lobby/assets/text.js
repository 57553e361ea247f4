// How things are written: money, names, words compared.

const FEATURES = {
  free_rounds: "Free rounds",
  demo: "Demo",
  buy_feature: "Buy feature",
  jackpot: "Jackpot",
};

export const NO_VALUE = "";

// An exact decimal string such as "1000.00": never turned into a number.
export function money(amount, currency) {
  try {
    const digits = (amount.split(".")[1] ?? "").length;
    return new Intl.NumberFormat(undefined, { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}

// "free_rounds" -> "Free rounds"; what somebody named himself stays as it is.
export function title(name) {
  if (FEATURES[name]) return FEATURES[name];
  const words = name.replaceAll(/[_-]+/g, " ").trim();
  return words === words.toLowerCase() ? words.charAt(0).toUpperCase() + words.slice(1) : words;
}

// For comparing: without accents, capitals and signs.
export function plain(text) {
  return text.normalize("NFD").replaceAll(/[\u0300-\u036f]/g, "").toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, " ").trim();
}

export function initials(name) {
  const words = name.split(/\s+/).filter(Boolean);
  return words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("") || "?";
}

// A colour that belongs to a text.
export function hue(text) {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

export function element(tag, { text, ...facts } = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(facts)) {
    if (name === "className") made.className = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter(Boolean));
  return made;
}

// A drawing from its path, for the states of the list.
export function drawing(path) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  picture.append(line);
  return picture;
}
