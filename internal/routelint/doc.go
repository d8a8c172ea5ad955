// Package routelint finds routes that are valid but probably not what their author meant.
//
// It compares the routes of one configuration with each other, never with the application
// behind the gate: a configuration without warnings is not therefore safe. It denies
// nothing, and an operator may ignore what it reports.
//
// Invariants:
//
//  1. Each warning is at the place of the route that has to change
//     (TestWarningsHavePlaces).
//  2. The work is bounded for every configuration. A list of warnings that is incomplete
//     says so, and contains only what a complete list would (TestWarningsEnd,
//     TestWarningsAreBounded, TestWarningsThatAreCutShort).
//  3. The configurations that ship have no warnings (TestWarningsOfSensibleConfigs).
package routelint
