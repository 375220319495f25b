package bucket

import "slices"

// Alone is a grant that the provider refuses as if it were our registration,
// while it answers others of the client: its refusals say nothing about them.
type Alone struct {
	Grant string
	// Times counts its refusals since that was found out.
	Times int
}

const (
	// mostAlone bounds how many are known. The one that was found first is
	// forgotten first; its next refusal opens an episode again.
	mostAlone = 100
	// timesAlone is how many refusals make it certain that it is the grant: by
	// their pauses, most of a minute at least.
	timesAlone = 5
)

// RefusedAlone reports whether the grant has been refused time and again while
// others of the client were answered, so that somebody must look after it. While
// the client itself is in trouble nobody is judged.
func (b Bucket) RefusedAlone(grant string) bool {
	if b.Trouble == nil || b.Troubled() {
		return false
	}
	i := b.Trouble.alone(grant)
	return i >= 0 && b.Trouble.Alone[i].Times >= timesAlone
}

// alone is where the grant stands among those that are refused alone; -1 for
// nowhere.
func (t Trouble) alone(grant string) int {
	return slices.IndexFunc(t.Alone, func(a Alone) bool { return a.Grant == grant })
}

// refusedAgain counts a refusal of a grant that is refused alone, unless the
// client is in trouble itself.
func (t Trouble) refusedAgain(i int) Trouble {
	if t.Over.IsZero() {
		return t
	}
	t.Alone = slices.Clone(t.Alone)
	t.Alone[i].Times++
	return t
}

// found adds the grant that opened the episode, now that another was answered.
func (t Trouble) found() Trouble {
	if t.Grant == "" {
		return t
	}
	all := append(slices.Clone(t.Alone), Alone{Grant: t.Grant})
	t.Alone = all[max(len(all)-mostAlone, 0):]
	return t
}

// answered forgets a grant that was answered itself.
func (t Trouble) answered(grant string) Trouble {
	i := t.alone(grant)
	if i < 0 {
		return t
	}
	if t.Alone = slices.Delete(slices.Clone(t.Alone), i, i+1); len(t.Alone) == 0 {
		t.Alone = nil
	}
	return t
}
