package main

import (
	"encoding/binary"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	"bellhop/shared/grant"
)

// state hashes everything that the future depends on.
func (s *stage) state() uint64 {
	b := canon(make([]byte, 0, 1024), s.grant())
	num := func(n int) { b = binary.AppendVarint(b, int64(n)) }
	num(int(time.Since(s.began).Milliseconds()))
	num(s.disturbances<<8 | s.runs)
	num(s.nonces<<8 | s.entered)
	for _, v := range guests {
		b = append(b, map[bool]byte{true: 1}[*v.expected(&s.staging)])
	}
	b = append(b, map[bool]byte{true: 1}[s.books.unavoidable])
	for _, p := range s.house.order {
		b = append(append(b, '#'), p.name...)
		num(int(p.family)<<2 | map[bool]int{true: 1}[p.dead] | map[bool]int{true: 2}[p.superseded])
		num(int(p.first.UnixMilli()))
		num(int(p.asked.UnixMilli()))
		num(int(p.answered.UnixMilli()))
		for _, n := range p.senders {
			b = append(b, n...)
		}
		for _, c := range p.children {
			b = append(b, c.name...)
		}
	}
	b = s.shelf.canon(b)
	for _, a := range s.actors {
		if !a.ended {
			b = append(append(append(b, '@'), a.op...), a.hand...)
			b = append(b, a.silent...)
			b = binary.LittleEndian.AppendUint64(b, a.seen)
			num(int(time.Since(a.began)))
		}
	}
	for _, f := range s.flights {
		b = append(append(b, '>'), f.what...)
		b = binary.LittleEndian.AppendUint64(b, f.id)
		num(int(f.sent.Sub(s.began).Milliseconds()))
	}
	return maphash.Bytes(seed, b)
}

// canon is an item in bytes, the same for the same item. Times are relative: no
// decision reads the calendar.
func canon(b []byte, g grant.Grant) []byte {
	num := func(n int64) { b = binary.AppendVarint(b, n) }
	at := func(t time.Time) { num(t.UnixMilli()) }
	num(g.Generation)
	num(g.Epoch)
	num(g.Refused)
	num(g.Revived)
	num(int64(g.Failures))
	num(int64(g.Rejections))
	b = append(b, g.Health...)
	b = append(b, g.Ref...)
	num(g.Placement.Epoch)
	num(int64(g.Placement.Writes))
	for _, name := range g.Placement.Retired {
		b = append(b, name...)
	}
	if g.Enabled {
		b = append(b, '+')
	}
	if g.Inline != nil {
		b = append(b, g.Inline.Data...)
	}
	at(g.WakeAt)
	at(g.RefreshAt)
	at(g.Expires)
	if g.Lease != nil {
		b = append(b, name(g.Lease.Owner)...)
		at(g.Lease.Deadline)
	}
	for _, n := range slices.SortedFunc(maps.Keys(g.Attempts), byName) {
		a := g.Attempts[n]
		b = append(append(b, '!'), name(n)...)
		num(a.Generation)
		at(a.At)
	}
	for _, n := range slices.SortedFunc(maps.Keys(g.Asides), byName) {
		a := g.Asides[n]
		b = append(append(b, '?'), name(n)...)
		b = append(b, a.Sealed.Data...)
		num(a.Base)
		at(a.At)
		if a.Former {
			b = append(b, 'f')
		}
	}
	return b
}

// name is a nonce; those of a callback are random, and there is one.
func name(n grant.Nonce) string {
	if len(n) > 16 {
		return "code"
	}
	return string(n)
}

func byName(a, b grant.Nonce) int { return strings.Compare(name(a), name(b)) }
