// What crossed the wire, for people who learn the protocol: requests, answers, signatures, timing. Text only, never markup.

const SHOWN_MAX = 30;

export function element(tag, className, text, testid) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  if (testid) made.dataset.testid = testid;
  return made;
}

/** Puts exchanges on top of a list, the last one first. */
export function showExchanges(list, exchanges) {
  if (!list) return;
  for (const exchange of exchanges) list.prepend(article(exchange));
  while (list.children.length > SHOWN_MAX) list.lastElementChild.remove();
}

function article(exchange) {
  const made = element("details", "exchange", undefined, "exchange");
  made.dataset.method = exchange.method;
  const summary = element("summary");
  summary.append(element("b", "", exchange.method), element("span", `kind ${exchange.outcome.kind}`, kindOf(exchange), "exchange-outcome"));
  summary.append(element("span", "took", `${exchange.took_ms} ms`, "timing"), element("span", "note", exchange.note));
  const sent = new Date(exchange.sent_ms).toISOString().replace("T", " ");
  made.append(summary, element("p", "sent", `Sent ${sent}, answered after ${exchange.took_ms} ms.`));
  const sides = element("div", "sides");
  sides.append(side("Request", `POST ${exchange.request.url}`, exchange.request, "request"));
  if (exchange.answer) sides.append(side("Answer", `HTTP ${exchange.answer.status}`, exchange.answer, "answer"));
  else sides.append(nothing(exchange));
  made.append(sides);
  if (exchange.outcome.problem) made.append(element("p", "bad", `The studio could not use this answer: ${exchange.outcome.problem}`));
  return made;
}

function kindOf(exchange) {
  const { kind, code } = exchange.outcome;
  const status = exchange.answer ? exchange.answer.status : 0;
  if (code) return `error ${code}`;
  return kind === "unknown" && status && status !== 200 ? `HTTP ${status}` : kind;
}

function nothing(exchange) {
  const made = element("section", "side", undefined, "answer");
  made.append(element("h3", "", "No answer"), element("p", "", exchange.outcome.text));
  return made;
}

function side(title, line, message, testid) {
  const made = element("section", "side", undefined, testid);
  made.append(element("h3", "", title), element("p", "line", line));
  const headers = element("dl", "headers");
  for (const [name, value] of Object.entries(message.headers)) {
    const signature = name.toLowerCase() === "x-signature";
    headers.append(element("dt", signature ? "signature" : "", name));
    headers.append(element("dd", signature ? "signature" : "", value, signature ? `${testid}-signature` : undefined));
  }
  made.append(headers, element("pre", "", pretty(message.body), `${testid}-body`));
  const exact = element("details", "exact");
  exact.append(element("summary", "", "The exact bytes that are signed"), element("pre", "", message.body));
  made.append(exact);
  return made;
}

function pretty(body) {
  try {
    // Numbers above 2^53 would lose digits on the way through JSON.parse: such a body is shown as it came.
    return /\d{16}/.test(body) ? body : JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
