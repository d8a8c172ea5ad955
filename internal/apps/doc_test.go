// Package apps puts the built program and a real Envoy with the shipped
// envoy/envoy.yaml in front of real applications: Express, Django, Flask,
// Go's net/http and Tomcat, with their default settings, each on the servers
// that people run it on. It has no other code.
//
// Web frameworks read a request in different ways: some ignore letter case in
// paths or methods, some take the method or the host from another header. The
// gate matches its routes before the framework does, so a difference between the
// two readings is a way around a rule. The tests send every spelling that could
// be read differently, over HTTP/1.1 and HTTP/2, without a token and with a valid
// token that lacks exactly the right in question. Each handler of an application
// writes to a file that it ran, for which user. The tests then read these files:
// no handler may have run for a caller without the right to it, whatever the
// status of the answer was. TestAttacksWithoutTheGate sends the same
// requests to the applications without Envoy and the gate, and expects protected
// handlers to run there: it shows that the requests are real attacks.
//
// All files but this one have the build tag apps: `make test-apps` sets up the
// applications and runs the tests. A missing program is a failure, never a skip.
package apps
