// A message board whose users sign in with Amazon Cognito.
import { Amplify } from "aws-amplify";
import { Hub } from "aws-amplify/utils";

import { showUser, showView, shownName, startAccount, userName } from "./account.js";
import { configureApi } from "./api.js";
import { refresh, startBoard } from "./board.js";

// Addresses and IDs: the server of this page makes config.json from its environment.
const config = await (await fetch("config.json")).json();
Amplify.configure({
  Auth: { Cognito: { userPoolId: config.userPoolId, userPoolClientId: config.clientId, userPoolEndpoint: config.endpoint || undefined } },
});
configureApi(config.api);
startAccount(config.flow, Boolean(config.endpoint));
startBoard();

const update = () => Promise.all([showUser(), refresh()]);
// The tokens are in the local storage, which all tabs share. Amplify changes several items
// when a user signs in or out, here or in another tab: wait for the last one.
let waiting;
function changed() {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    if ((await userName()) !== shownName()) await update();
  }, 100);
}
Hub.listen("auth", changed);
addEventListener("storage", changed);
showView();
await update();
