// Package browser puts the built program and a real Envoy between pages in a real
// browser and an application: Chromium, which playwright-core drives. It has no other
// code.
//
// It shows what only a browser shows: that a script may send its requests and may read
// the answers, denials included, with the files that users have. So the tests take the
// commands from README, or run the demo, or the programs of deploy/compose, whose front end
// they also build, or login.yaml with a real Keycloak. Chromium finds the addresses of these
// files at the ports of the test, and no other address (TestNoOtherNetwork). Each test
// asserts what the application received, and that this contains no token.
//
// testdata/driver.cjs calls methods of Playwright's Page for the tests, and knows none of
// them. It ends with its test, and so does Chromium (TestChromiumEndsWithTheTest).
//
// All files but this one have the build tag browser: `make test-browser` sets up what
// they need and runs them. A missing program is a failure, never a skip.
package browser
