"use strict";

const api = "http://127.0.0.1:8080"; // where README's commands put the application
let token = ""; // in memory only, as the guidance for single-page applications says

const element = (id) => document.getElementById(id);

// send sends one request, and shows all that this script may read of the answer.
async function send(method, path, headers, body) {
  const answer = element("answer");
  answer.dataset.state = "busy";
  const shown = { request: `${method} ${path}`, status: "", reason: "", detail: "", challenge: "", body: "" };
  if (token) headers = { ...headers, authorization: `Bearer ${token}` };
  try {
    const response = await fetch(api + path, { method, headers, body });
    shown.status = String(response.status);
    shown.challenge = response.headers.get("www-authenticate") ?? "";
    shown.body = await response.text();
    if (response.headers.get("content-type") === "application/problem+json") {
      ({ reason: shown.reason, detail: shown.detail } = JSON.parse(shown.body));
    }
  } catch (error) {
    shown.status = `unreadable: ${error.name}`;
  }
  for (const [id, text] of Object.entries(shown)) element(id).textContent = text;
  answer.dataset.state = "done";
}

element("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = element("token").value;
  element("token").value = "";
});
// What browser libraries add to requests: axios, OpenTelemetry, the AWS SDK and the like.
const added = {
  "x-requested-with": "XMLHttpRequest",
  "x-csrf-token": "c1",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "vendor=1",
  baggage: "tenant=1",
  "x-amz-user-agent": "aws-amplify/6",
};

element("call").addEventListener("click", () => send("GET", "/api/messages", {}));
element("post").addEventListener("click", () =>
  send("POST", "/api/messages", { ...added, "content-type": "application/json" }, JSON.stringify({ text: "hello" })));
element("admin").addEventListener("click", () => send("GET", "/admin/report", {}));
