//go:build race

package main

// One goroutine moves at a time here, so the race detector has nothing to find
// and makes everything several times slower: with it, the explorations run in
// the process that TestExplore_CatchesEveryMutation starts without it.
func init() { raced = true }
