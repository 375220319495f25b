package rate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
)

// whole is the index of a problem that is the whole message's.
const whole = -1

// checker looks at one message and collects what is wrong with it.
type checker struct {
	now      time.Time
	index    int // of the update that is being looked at
	problems []Problem
	decimals int // of the message's currency; the most that any has until it is known
}

// refuse reports a problem with the present update or the message. Of one
// update a few are reported, not all.
func (c *checker) refuse(field string, n *node, reason string) {
	limit := problemsEach
	if len(c.problems) >= problemsInFull {
		limit = 1
	}
	if c.index != whole && c.refusals() >= limit {
		return
	}
	c.problems = append(c.problems, Problem{Index: c.index, Field: field, Value: n.given(), Reason: reason})
}

// refusals counts the problems of the present update, which come last.
func (c *checker) refusals() int {
	n := 0
	for _, p := range slices.Backward(c.problems) {
		if p.Index != c.index {
			break
		}
		n++
	}
	return n
}

// Rules for the texts of a message. Ids are those of the inventory. Codes are
// the PMS's own: printable ASCII but for what separates names in our tables and
// mappings ('#', '/'), quotes and backslash, without blanks at the ends.
var (
	ids   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	codes = regexp.MustCompile(`^[!$-.0-\[\]-~]([ !$-.0-\[\]-~]{0,62}[!$-.0-\[\]-~])?$`)
)

const (
	idReason   = "use the name of a connection or property: 1 to 64 letters, digits, '.', '_' and '-'"
	codeReason = `use 1 to 64 printable ASCII characters without # / \ " and without blanks at the ends`
	pastReason = "these nights are over at the property: send nights from today on"
)

// message looks at the top level, then at each update.
func (c *checker) message(root *node) Message {
	var m Message
	var updates *node
	seen := c.members(root, "", map[string]func(*node, string){
		"v":          c.version,
		"connection": func(n *node, f string) { m.Connection = connection.ID(c.id(n, f)) },
		"property":   func(n *node, f string) { m.Property = c.id(n, f) },
		"revision":   func(n *node, f string) { m.Revision = c.revision(n, f) },
		"currency":   func(n *node, f string) { m.Currency = c.currency(n, f) },
		"updates":    func(n *node, _ string) { updates = n },
	})
	if root.kind != object {
		return m
	}
	c.needed(seen, updates)
	if updates == nil || !c.list(updates) {
		return m
	}
	for i, n := range updates.items {
		c.index = i
		if change, ok := c.update(n); ok {
			m.Changes = append(m.Changes, change)
		}
	}
	c.index = whole
	return m
}

// needed reports what a message lacks.
func (c *checker) needed(seen map[string]bool, updates *node) {
	for _, f := range []struct{ name, reason string }{
		{"v", "is missing: the version of this format is 1"},
		{"revision", "is missing: without it nobody can tell which of two updates is newer"},
		{"updates", "is missing: list what changes"},
	} {
		if !seen[f.name] {
			c.refuse(f.name, nil, f.reason)
		}
	}
	if seen["connection"] == seen["property"] {
		c.refuse("connection", nil, "name either a connection or a property, whose connections are all meant")
	}
	if !seen["currency"] && updates != nil && slices.ContainsFunc(updates.items, givesPrice) {
		c.refuse("currency", nil, "is missing although prices are given: name the currency that they are in, such as EUR")
	}
}

func givesPrice(update *node) bool {
	return slices.ContainsFunc(update.members, func(m member) bool { return m.name == "price" || m.name == "prices" })
}

func (c *checker) list(updates *node) bool {
	switch {
	case updates.kind != array:
		c.refuse("updates", updates, "must be a list")
	case len(updates.items) == 0:
		c.refuse("updates", updates, "is empty: list what changes")
	case len(updates.items) > MaxUpdates:
		c.refuse("updates", nil, fmt.Sprintf("has %d entries: split it into messages of at most %d", len(updates.items), MaxUpdates))
	default:
		return true
	}
	return false
}

// members hands each member of an object to its check, and reports those that
// have none, that come twice and that are null. Path goes before their names.
func (c *checker) members(n *node, path string, checks map[string]func(*node, string)) (seen map[string]bool) {
	seen = map[string]bool{}
	if n.kind != object {
		c.refuse(strings.TrimSuffix(path, "."), n, "must be an object")
		return seen
	}
	for _, m := range n.members {
		field := path + clip(m.name)
		check, known := checks[m.name]
		switch {
		case !known:
			c.refuse(field, m.value, "is not a field of this format; those are "+strings.Join(sortedNames(checks), ", "))
		case seen[m.name]:
			c.refuse(field, m.value, "is given twice: give it once")
		case m.value.kind == null:
			c.refuse(field, m.value, "cannot be null: leave it out and it stays as it is")
		default:
			check(m.value, field)
		}
		seen[m.name] = true
	}
	return seen
}

// clip bounds a field's name, which is as much outside input as its value.
func clip(name string) string { return (&node{kind: text, text: name}).given() }

func sortedNames(checks map[string]func(*node, string)) []string {
	names := make([]string, 0, len(checks))
	for name := range checks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (c *checker) version(n *node, field string) {
	if v, ok := integer(n); !ok || v != 1 {
		c.refuse(field, n, "is not a version that is understood here: write 1")
	}
}

func (c *checker) id(n *node, field string) string {
	if n.kind != text || !ids.MatchString(n.text) {
		c.refuse(field, n, idReason)
		return ""
	}
	return n.text
}

func (c *checker) revision(n *node, field string) int64 {
	v, ok := integer(n)
	if !ok || v < 1 {
		c.refuse(field, n, "write a whole number greater than 0 that fits into 63 bits, higher for what is newer")
		return 0
	}
	return v
}

func (c *checker) currency(n *node, field string) string {
	if n.kind != text {
		c.refuse(field, n, "must be a string, such as \"EUR\"")
		return ""
	}
	d, err := Decimals(n.text)
	if err != nil {
		c.refuse(field, n, "is "+err.Error())
		return ""
	}
	c.decimals = d
	return n.text
}

// whole numbers are written as digits: 2.0 and 2e3 are left to those who like
// surprises.
var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func integer(n *node) (int64, bool) {
	if n.kind != number || !wholeNumber.Match(n.raw) {
		return 0, false
	}
	v, err := strconv.ParseInt(string(n.raw), 10, 64)
	return v, err == nil
}

// date reads one, or reports what it is not.
func (c *checker) date(n *node, field string) (ledger.Date, bool) {
	if n.kind != text {
		c.refuse(field, n, "must be a string, such as \"2026-12-31\"")
		return 0, false
	}
	d, err := ledger.ParseDate(n.text)
	if err != nil {
		c.refuse(field, n, "is "+err.Error())
		return 0, false
	}
	return d, true
}
