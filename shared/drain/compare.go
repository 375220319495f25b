package drain

import (
	"context"
	"fmt"
	"time"

	"bellhop/shared/dialect"
	"bellhop/shared/ledger"
)

// compare reads the pages and then the provider, and returns the pages that
// drifted. Wait is not zero when the provider could not be read now, or the lane
// is at work: what it has just sent may not show yet.
func (d *Drainer) compare(ctx context.Context, s site, keys []ledger.PageKey, r *ledger.Readback) (drifted []ledger.Page, wait time.Time, err error) {
	lane, pages, err := d.Ledger.LaneAndPages(ctx, s.ID, keys)
	if err != nil {
		return nil, wait, fmt.Errorf("reading lane and pages of %s: %w", s.ID, err)
	}
	now := d.Now()
	if !lane.Free(now, margin) {
		return nil, now.Add(s.profile.API.Settle.D()), nil
	}
	jobs, err := d.Ledger.Jobs(ctx, s.ID)
	if err != nil {
		return nil, wait, fmt.Errorf("listing the jobs of %s: %w", s.ID, err)
	}
	inFlight := lane.InFlight()
	for _, j := range jobs {
		inFlight = append(inFlight, j.Spans...)
	}
	w := windowOf(keys, s.today(now))
	found, wait, err := d.read(ctx, s, w)
	if err != nil || !wait.IsZero() {
		return nil, wait, err
	}
	for _, p := range pages {
		held := found.values(s.dialect, p, w)
		r.Compared += count(held)
		differ := p.Differ(held, inFlight)
		if p, n := p.Drift(differ); n > 0 {
			drifted = append(drifted, p)
			r.Drifted += n
		}
	}
	return drifted, wait, nil
}

// windowOf spans the month of keys, from today on.
func windowOf(keys []ledger.PageKey, today ledger.Date) dialect.Window {
	first := keys[0].Date(1)
	return dialect.Window{Keys: keys, From: max(first, today), To: first.EndOfMonth()}
}

// read asks the provider for all pages of a window. Wait is not zero when it
// must be asked later.
func (d *Drainer) read(ctx context.Context, s site, w dialect.Window) (found held, wait time.Time, err error) {
	found = held{}
	next := ""
	for range mostReads {
		if err := d.paced(ctx, s); err != nil {
			return nil, wait, err
		}
		p, closed, err := d.gate(ctx, s)
		if err != nil {
			return nil, wait, err
		}
		if closed != nil {
			if closed.ask {
				d.ask(ctx, s)
			}
			return nil, d.readAgain(closed.until), nil
		}
		a := d.Sender.Send(ctx, s.dialect.Read(s.target, w, next), dialect.Credentials{Access: p.access}, p.timeout)
		o := s.dialect.JudgeRead(s.target, w, a)
		if o.Kind != dialect.Applied {
			return nil, d.readAgain(o.RetryAt), nil
		}
		found.add(o.Cells)
		if next = o.Next; next == "" {
			return found, wait, nil
		}
	}
	return nil, d.readAgain(time.Time{}), nil
}

// readAgain is when a read that came to nothing is tried again: when the
// provider said, or after a pause where it said nothing.
func (d *Drainer) readAgain(at time.Time) time.Time {
	const pause = 15 * time.Second
	if now := d.Now(); at.Before(now) {
		return now.Add(pause)
	}
	return at
}

// held is what the provider has, by cell.
type held map[cellName]map[ledger.Field]int64

type cellName struct {
	room, plan string
	date       ledger.Date
}

func (h held) add(cells []dialect.Held) {
	for _, c := range cells {
		h[cellName{c.Room, c.Plan, c.Date}] = c.Values
	}
}

// values is what the provider has of the fields of a page, inside the window. A
// cell that it does not list has none of its readable fields set.
func (h held) values(d dialect.Dialect, p ledger.Page, w dialect.Window) []ledger.Value {
	var out []ledger.Value
	for day, cell := range p.Days {
		date := p.Key.Date(day)
		if date < w.From || date > w.To {
			continue
		}
		told, listed := h[cellName{p.Key.Room, p.Key.Plan, date}]
		for field := range cell {
			value, ok := told[field]
			if !listed && d.Readable(field) {
				value, ok = dialect.Unset, true
			}
			if ok {
				out = append(out, ledger.Value{Field: field, Days: ledger.DayBit(day), Value: value})
			}
		}
	}
	return out
}

// count is the number of fields of cells that values speak of.
func count(values []ledger.Value) int {
	n := 0
	for _, v := range values {
		for range ledger.Days(v.Days) {
			n++
		}
	}
	return n
}
