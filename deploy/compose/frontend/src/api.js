// Calls the API, which is on another origin than this page.
import { fetchAuthSession } from "aws-amplify/auth";

let origin = "";

export function configureApi(url) {
  origin = url;
}

// call sends one request, with the access token if the user is signed in. Amplify refreshes
// a token that has expired. It returns what the page needs to show the answer:
// {status, answer} or {status, refusal}.
export async function call(method, path, body) {
  const headers = {};
  const { tokens } = await fetchAuthSession();
  if (tokens) headers.authorization = `Bearer ${tokens.accessToken}`;
  if (body) headers["content-type"] = "application/json";
  const response = await fetch(origin + path, { method, headers, body: body && JSON.stringify(body) });
  const isProblem = response.headers.get("content-type") === "application/problem+json";
  const content = await response.json();
  return isProblem ? { status: response.status, refusal: content } : { status: response.status, answer: content };
}
