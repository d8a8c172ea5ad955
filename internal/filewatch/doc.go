// Package filewatch reports changes of files: configurations, lists of revoked
// tokens and certificates. A [Watcher] watches names and patterns, and calls a
// function each time the files hold something else, however that came about.
//
// What the package never does: it does not interpret what a file holds, it
// writes to no file, opens no network connection, and reads nothing other than
// regular files.
//
// Invariants, each with the test that shows it:
//
//  1. No change of a watched file is lost, however it is made, nor one between
//     reading a file and watching it (TestWatch, TestWatchConfigMap,
//     TestWatchPatterns, TestWatchOthers, TestWatchSameSizeAndTime,
//     TestPromptWatch, TestPromptWatchHiddenChange, TestPromptWatchBusyFile).
//  2. A file that is edited in place counts once its writer has left it alone, so
//     that half a configuration is not loaded (TestWatchWaitsForTheWholeFile,
//     TestReplacedIsNotWritten).
//  3. A pipe or a device is never waited for (TestOpenRegular, TestWatchPipe).
package filewatch
