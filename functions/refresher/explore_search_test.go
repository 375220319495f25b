package main

import (
	"testing"
	"testing/synctest"
)

// violation is what an exploration found, with the story that leads there.
type violation struct {
	broken []string
	story  string
}

// search walks all executions of a staging, depth first: each begins anew and
// follows a prefix of choices, then the first option everywhere, until it ends
// or comes to a state where another has been.
type search struct {
	staging
	seen   map[uint64]struct{}
	path   []branch
	paths  int // executions
	steps  int
	lost   int // executions in which a pair was lost unavoidably
	found  *violation
	ranOut bool // of executions, before the end
}

type branch struct{ taken, of int }

// explore walks until the end, the first violation, or so many executions.
func explore(t *testing.T, c staging, limit int) *search {
	s := &search{staging: c, seen: map[uint64]struct{}{}}
	for {
		s.execute(t, false)
		if s.found != nil {
			s.execute(t, true)
			return s
		}
		if !s.next() {
			return s
		}
		if s.paths == limit {
			s.ranOut = true
			return s
		}
	}
}

// next turns to the last branch that has an option left.
func (s *search) next() bool {
	for len(s.path) > 0 {
		last := &s.path[len(s.path)-1]
		if last.taken++; last.taken < last.of {
			return true
		}
		s.path = s.path[:len(s.path)-1]
	}
	return false
}

// execute plays one execution in a bubble of its own. Telling plays the path
// again, with words.
func (s *search) execute(t *testing.T, telling bool) {
	s.paths++
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, s.staging, telling)
		var options []option
		for depth := 0; ; depth++ {
			if options = st.options(options); len(options) == 0 {
				break
			}
			if depth == len(s.path) {
				if telling {
					break
				}
				key := st.state()
				if _, been := s.seen[key]; been {
					break
				}
				s.seen[key] = struct{}{}
				s.path = append(s.path, branch{of: len(options)})
			}
			if s.path[depth].of != len(options) {
				t.Fatalf("an execution differs from its like: %d options, then %d\n%s", s.path[depth].of, len(options), st.story())
			}
			s.steps++
			if !st.take(options[s.path[depth].taken]) {
				break
			}
		}
		st.clear()
		if st.books.unavoidable || st.books.lost {
			s.lost++
		}
		if len(st.books.broken) > 0 {
			s.found = &violation{broken: st.books.broken, story: st.story()}
		}
	})
}
