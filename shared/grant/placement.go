package grant

import "slices"

// Same reports whether two placements say the same.
func (p Placement) Same(q Placement) bool {
	return p.Epoch == q.Epoch && p.Writes == q.Writes &&
		p.Since.Equal(q.Since) && p.Put.Equal(q.Put) && slices.Equal(p.Retired, q.Retired)
}
