// What the page asks its server. Never shows anything; failures are thrown as Trouble, with words for a person.

const WAIT_MS = 45_000;

export class Trouble extends Error {
  constructor(title, detail, { advice = "", requestId = "", status = 0, type = "" } = {}) {
    super(detail);
    Object.assign(this, { title, detail, advice, requestId, status, type });
  }

  // Whether the same request may well succeed a moment later.
  get mayPass() {
    return this.status === 0 || this.status === 429 || this.status >= 500 || this.type === "launch-in-progress";
  }
}

async function call(path, { method = "GET", body, signal } = {}) {
  const headers = { Accept: "application/json", "X-Requested-With": "stakewire-lobby" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const limits = [AbortSignal.timeout(WAIT_MS), ...(signal ? [signal] : [])];
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.any(limits) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble("The lobby cannot be reached", "Its server did not answer.", { advice: "Check the connection, then try again." });
  }
  if (answer.ok) return answer.json();
  throw await troubleOf(answer);
}

async function troubleOf(answer) {
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // Not a problem document: the status says enough.
  }
  return new Trouble(told.title ?? "Something went wrong", told.detail ?? `The server answered with ${answer.status}.`, {
    advice: told.advice,
    requestId: told.request_id,
    status: answer.status,
    type: told.cause ?? (told.type ?? "").replace("/problems/", ""),
  });
}

export const games = (device, signal) => call(`/lobby/games?${new URLSearchParams({ device })}`, { signal });
export const search = (words, signal) => call(`/lobby/search?${new URLSearchParams({ q: words })}`, { signal });
export const player = () => call("/lobby/player");
export const launch = (order) => call("/lobby/launch", { method: "POST", body: order });

// One for each intended launch: a repetition after a failure goes on with the same one.
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
