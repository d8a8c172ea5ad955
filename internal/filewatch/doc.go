// Package filewatch reports changes of files: configurations, lists of revoked
// tokens and certificates. A [Watcher] watches names and patterns, and calls a
// function whenever the content of the files has changed.
//
// The package never interprets the content of a file, never writes to a file, never
// opens a network connection, and reads only regular files.
//
// Invariants, each with its tests:
//
//  1. No change of a watched file is lost, including a change between reading the file
//     and watching it (TestWatch, TestWatchConfigMap,
//     TestWatchPatterns, TestWatchOthers, TestWatchSameSizeAndTime,
//     TestPromptWatch, TestPromptWatchHiddenChange, TestPromptWatchBusyFile).
//  2. A file that is edited in place is reported some time after the last write, so
//     that half a configuration is not loaded (TestWatchWaitsForTheWholeFile,
//     TestReplacedIsNotWritten).
//  3. The package never blocks on a pipe or a device (TestOpenRegular, TestWatchPipe).
package filewatch
