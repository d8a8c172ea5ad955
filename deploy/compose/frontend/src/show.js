// Builds elements. All texts are set as text, never as HTML.

export function element(name, content = [], properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...[content].flat());
  return made;
}

// received shows the identity that the application received.
export function received(identity) {
  const names = Object.keys(identity).sort();
  if (names.length === 0) return element("p", "The application received no identity: to it you are a guest.");
  const pairs = names.flatMap((name) => [element("dt", name), element("dd", identity[name])]);
  return element("div", [element("p", "The application received:"), element("dl", pairs)]);
}

// refused shows a problem document of the gate.
export function refused({ status, refusal }) {
  const titles = { 401: "Please sign in.", 403: "You may not do this.", 503: "This cannot be checked at the moment. Please try again." };
  const pairs = ["detail", "reason", "decision"]
    .filter((name) => refusal[name])
    .flatMap((name) => [element("dt", name), element("dd", refusal[name])]);
  const title = element("p", element("strong", titles[status] ?? refusal.title));
  return element("div", [title, element("dl", [element("dt", "status"), element("dd", String(status)), ...pairs])], { className: "refused" });
}

// run fills an element with what a function returns, or with why it failed.
export async function run(into, make) {
  into.setAttribute("aria-busy", "true");
  try {
    into.replaceChildren(await make());
  } catch (error) {
    into.replaceChildren(element("p", `The request could not be sent: ${error.message}`));
  }
  into.setAttribute("aria-busy", "false");
}
