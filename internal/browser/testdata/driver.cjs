// Runs one Chromium, and calls methods of Playwright's Page and BrowserContext for the
// tests. Usage: node driver.cjs SOCKET CHROMIUM [FLAG...]
//
// POST {"context": "a", "page": "1", "method": "click", "args": ["text=Save"]} on the Unix
// socket calls one method and answers {"value": ...} or {"error": "..."}. It opens a page or
// a context that it does not know yet. Pages of one context share their cookies, as the tabs
// of one browser do. Without a page, it calls the context's method; with options, such as
// {"javaScriptEnabled": false}, it opens the context with them. What the pages log is printed.
"use strict";

const http = require("node:http");
const { chromium } = require("playwright-core");

const [, , socket, executablePath, ...args] = process.argv;
const timeout = 10_000; // of one call, in milliseconds

function watch(page, name) {
  const print = (kind, text) => console.log(`${name}: ${kind}: ${text}`);
  page.on("console", (message) => print(message.type(), message.text()));
  page.on("pageerror", (error) => print("uncaught", error));
  page.on("requestfailed", (request) => print("failed", `${request.method()} ${request.url()} ${request.failure()?.errorText}`));
}

// plain returns what JSON can express of a result.
function plain(value) {
  if (typeof value?.status === "function") return { status: value.status(), url: value.url() }; // a Response
  const isPlain = Array.isArray(value) || typeof value !== "object" || Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? value : null;
}

async function main() {
  const browser = await chromium.launch({ executablePath, args, handleSIGTERM: false });
  const opened = new Map(); // name -> promise of a page or context

  function open(name, make) {
    if (!opened.has(name)) opened.set(name, make());
    return opened.get(name);
  }

  async function target({ context: name, page, options }) {
    const context = await open(name, () => browser.newContext(options));
    context.setDefaultTimeout(timeout);
    if (!page) return context;
    return open(`${name}/${page}`, async () => {
      const made = await context.newPage();
      watch(made, `${name}/${page}`);
      return made;
    });
  }

  async function answer(request, response) {
    const result = {};
    try {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const call = JSON.parse(Buffer.concat(chunks));
      const object = await target(call);
      result.value = plain(await object[call.method](...call.args));
    } catch (error) {
      result.error = String(error);
    }
    response.end(JSON.stringify(result));
  }

  const server = http.createServer(answer).listen(socket);
  process.on("SIGTERM", async () => {
    server.close();
    server.closeAllConnections();
    await browser.close();
    process.exit(0);
  });
}

main();
