// Sign-up, sign-in, recovery and sign-out, by Amplify.
import {
  confirmResetPassword, confirmSignUp, fetchAuthSession, getCurrentUser, resetPassword, signIn, signOut, signUp,
} from "aws-amplify/auth";

const find = (selector) => document.querySelector(selector);
const views = ["sign-in", "create", "confirm", "forgot", "reset"];
let authFlowType;
let shown; // the view

// What the user reads in place of Cognito's names of errors.
const problems = {
  NotAuthorizedException: "The e-mail address or the password is wrong.",
  UserNotFoundException: "The e-mail address or the password is wrong.",
  UsernameExistsException: "There is already an account with this e-mail address.",
  CodeMismatchException: "The code is wrong.",
  ExpiredCodeException: "The code is wrong or has expired. Ask for a new one.",
  InvalidPasswordException: "The password is too weak. It needs 8 characters: small and capital letters, digits and other characters.",
  LimitExceededException: "Too many attempts. Please try again later.",
};

function say(id, text) {
  for (const each of ["status", "problem"]) find(`#${each}`).textContent = each === id ? text : "";
}

function fill(email) {
  for (const input of document.querySelectorAll("#account input[name=email]")) input.value = email;
}

function go(view, text = "") {
  location.hash = view;
  showView();
  say("status", text);
}

// showView shows the form that the fragment of the address names.
export function showView() {
  const named = location.hash.slice(1);
  const view = views.includes(named) ? named : "sign-in";
  if (view === shown) return;
  shown = view;
  for (const each of views) find(`#${each}-form`).hidden = each !== view;
  say("status", "");
}

const unknown = "unknown"; // there are tokens that could not be refreshed

// userName returns the name of the user who is signed in, or nothing.
export async function userName() {
  try {
    const { tokens } = await fetchAuthSession();
    if (!tokens) return "";
    const user = await getCurrentUser();
    return user.signInDetails?.loginId ?? user.username;
  } catch {
    return unknown;
  }
}

// shownName returns the name that the page shows.
export function shownName() {
  return find("#name").textContent;
}

// showUser shows who is signed in, or the forms.
export async function showUser() {
  const name = await userName();
  find("#name").textContent = name;
  find("#signed-in").hidden = !name;
  find("#account").hidden = Boolean(name);
  if (name === unknown) say("problem", "Your session could not be refreshed. Try again later, or sign out and sign in again.");
}

const actions = {
  async "sign-in"({ email, password }) {
    const { nextStep } = await signIn({ username: email, password, options: { authFlowType } });
    if (nextStep.signInStep === "CONFIRM_SIGN_UP") return go("confirm", "Please confirm your e-mail address first.");
    if (nextStep.signInStep === "RESET_PASSWORD") return go("forgot", "You need a new password.");
    if (nextStep.signInStep !== "DONE") throw new Error(`This front end does not support the step ${nextStep.signInStep}.`);
    go("");
  },
  async create({ email, password }) {
    await signUp({ username: email, password, options: { userAttributes: { email } } });
    go("confirm", "We have sent you a code.");
  },
  async confirm({ email, code }) {
    await confirmSignUp({ username: email, confirmationCode: code });
    go("sign-in", "Your account is confirmed. Please sign in.");
  },
  async forgot({ email }) {
    await resetPassword({ username: email });
    go("reset", "We have sent you a code.");
  },
  async reset({ email, code, password }) {
    await confirmResetPassword({ username: email, confirmationCode: code, newPassword: password });
    go("sign-in", "Your password is changed. Please sign in.");
  },
};

// submit runs the action of a form, once at a time.
async function submit(form, action) {
  const button = form.querySelector("button");
  const fields = Object.fromEntries(new FormData(form));
  button.disabled = true;
  say("status", "");
  fill(fields.email);
  try {
    await action(fields);
    for (const input of form.querySelectorAll("input:not([name=email])")) input.value = "";
  } catch (error) {
    say("problem", problems[error.name] ?? error.message);
  }
  button.disabled = false;
}

export function startAccount(flow, isEmulator) {
  authFlowType = flow;
  for (const note of document.querySelectorAll(".emulator")) note.hidden = !isEmulator;
  for (const [view, action] of Object.entries(actions)) {
    find(`#${view}-form`).addEventListener("submit", (event) => {
      event.preventDefault();
      submit(event.target, action);
    });
  }
  addEventListener("hashchange", showView);
  find("#sign-out").addEventListener("click", () => signOut());
  find("#sign-out-everywhere").addEventListener("click", () => signOut({ global: true }));
}
