// Package secrettest marks the tokens that fakes and the sandbox issue, and
// finds the mark in whatever was printed: "no token in any output" is then a
// search that needs no list of tokens, works across processes, and finds one
// that was cut short or encoded on its way.
package secrettest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// mark is part of every minted token. It is made of letters and digits, so that
// no escaping changes it, and is nothing that anybody would write by chance.
// The halves keep this file itself from being found.
const mark = "kX4mint" + "edV9tok"

// Mint returns a token that can be found. What tells it from others.
func Mint(what string) string { return mark + "_" + what }

// Named returns what a minted token was minted for: how a test prints one. The
// text itself when it was not minted.
func Named(token string) string { return strings.TrimPrefix(token, mark+"_") }

// dresses are the forms in which the mark may show.
var dresses = allDresses()

func allDresses() [][]byte {
	all := [][]byte{
		[]byte(mark), fmt.Appendf(nil, "%x", mark), fmt.Appendf(nil, "%X", mark), fmt.Appendf(nil, "% x", mark),
		bytes.Trim(fmt.Append(nil, []byte(mark)), "[]"), // a byte slice as fmt prints it
	}
	for before := range 3 { // what stands before it shifts the groups of three bytes
		padded := append(make([]byte, before), mark...)
		text := []byte(base64.StdEncoding.EncodeToString(padded[:len(padded)/3*3]))
		all = append(all, text[(before*8+5)/6:])
	}
	return all
}

// Find returns where in the text a minted token begins to show, or -1.
func Find(text []byte) int {
	first := -1
	for _, d := range dresses {
		if i := bytes.Index(text, d); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	return first
}

// Masked returns the text without what shows of minted tokens, so that a
// finding can be printed.
func Masked(text []byte) []byte {
	text = slices.Clone(text)
	for _, d := range dresses {
		text = bytes.ReplaceAll(text, d, []byte("[minted]"))
	}
	return text
}
