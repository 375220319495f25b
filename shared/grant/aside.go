package grant

// best returns the aside that is rolled first: the highest base, among equals
// the one that was asked for last, a former pair last of all. Asides that eligible refuses
// are passed over, and so are raw ones, which nobody can present.
func (g Grant) best(eligible func(Aside) bool) (Nonce, bool) {
	var found Nonce
	for n, a := range g.Asides {
		if a.Raw || !eligible(a) {
			continue
		}
		if found == "" || a.before(g.Asides[found]) || a.ties(g.Asides[found]) && n < found {
			found = n
		}
	}
	return found, found != ""
}

// before is the order of rolling.
func (a Aside) before(b Aside) bool {
	switch {
	case a.Former != b.Former:
		return b.Former
	case a.Base != b.Base:
		return a.Base > b.Base
	case !a.Issued.Equal(b.Issued):
		return a.Issued.After(b.Issued)
	default:
		return a.At.After(b.At)
	}
}

// ties reports whether neither comes before the other.
func (a Aside) ties(b Aside) bool { return !a.before(b) && !b.before(a) }

// RawAnswers counts the raw asides that were answered to this generation's
// credential.
func (g Grant) RawAnswers() int {
	n := 0
	for _, a := range g.Asides {
		if a.Raw && a.Base == g.Generation {
			n++
		}
	}
	return n
}

// unreadable names the raw asides: answers that this release cannot read.
func (g Grant) unreadable() []Nonce {
	var raw []Nonce
	for _, n := range g.KnownAsides() {
		if g.Asides[n].Raw {
			raw = append(raw, n)
		}
	}
	return raw
}
