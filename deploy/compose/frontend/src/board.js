// The components that call the API. Each one asks Amplify for the session itself.
import { call } from "./api.js";
import { element, received, refused, run } from "./show.js";

const find = (selector) => document.querySelector(selector);

function home() {
  return run(find("#home .answer"), async () => {
    const result = await call("GET", "/api/home");
    return result.refusal ? refused(result) : received(result.answer.given);
  });
}

function messages() {
  return run(find("#messages .answer"), async () => {
    const result = await call("GET", "/api/messages");
    const list = result.refusal ? [] : result.answer.messages;
    find("#messages ul").replaceChildren(...list.map(({ text, author }) => element("li", [text, element("small", `from ${author}`)])));
    return result.refusal ? refused(result) : received(result.answer.given);
  });
}

function admin() {
  return run(find("#admin .answer"), async () => {
    const result = await call("GET", "/api/admin/report");
    if (result.refusal) return refused(result);
    return element("div", [element("p", `There are ${result.answer.messages} messages.`), received(result.answer.given)]);
  });
}

async function post(event) {
  event.preventDefault();
  const form = event.target;
  let posted;
  await run(find("#messages .answer"), async () => {
    const result = await call("POST", "/api/messages", { text: form.elements.text.value });
    posted = !result.refusal;
    return posted ? "" : refused(result);
  });
  if (posted) {
    form.reset();
    await messages();
  }
}

// refresh loads again what depends on the user.
export function refresh() {
  find("#admin .answer").replaceChildren();
  return Promise.all([home(), messages()]);
}

export function startBoard() {
  find("#messages form").addEventListener("submit", post);
  find("#admin button").addEventListener("click", admin);
}
