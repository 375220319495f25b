package grant

import (
	"testing"
	"time"
)

func TestPlacement_Same(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	base := func() Placement { return Placement{Epoch: 2, Writes: 3, Since: noon, Retired: []string{"a"}} }
	if !base().Same(base()) || !(Placement{}).Same(Placement{Retired: []string{}}) {
		t.Error("equal placements differ")
	}
	for name, change := range map[string]func(*Placement){
		"put":   func(p *Placement) { p.Put = noon },
		"epoch": func(p *Placement) { p.Epoch++ }, "writes": func(p *Placement) { p.Writes = 0 },
		"since": func(p *Placement) { p.Since = noon.Add(time.Millisecond) }, "retired": func(p *Placement) { p.Retired = nil },
		"another name": func(p *Placement) { p.Retired = []string{"b"} },
	} {
		p := base()
		if change(&p); p.Same(base()) {
			t.Errorf("another %s is the same", name)
		}
	}
}
