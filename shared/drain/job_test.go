package drain

import (
	"context"
	"net/http"
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/grant"
	"bellhop/shared/ledger"
	"bellhop/shared/ledgertest"
	"bellhop/shared/wake"
)

// poll brings the wake of a job when it is due.
func (w *world) poll(d *Drainer, id connection.ID, job string) {
	w.t.Helper()
	j, err := w.ledger.Job(context.Background(), id, job)
	if err != nil {
		w.t.Fatal(err)
	}
	if wait := j.WakeAt.Sub(w.clock.now()); wait > 0 {
		w.clock.advance(wait)
	}
	if err := d.Wake(context.Background(), wake.Message{Kind: wake.Job, Connection: id, Job: job, At: j.WakeAt}); err != nil {
		w.t.Fatal(err)
	}
}

func TestJob_ClosesWhenItIsDone(t *testing.T) {
	w := newWorld(t)
	w.hotel.asJob = true
	d := w.process()
	w.push(d, lisbon, update(1, 1, 5, price(100)))
	sent := w.rates.take()
	if len(sent) != 1 || sent[0].Message.Kind != wake.Job || sent[0].Delay < time.Second {
		t.Fatalf("messages are %+v, want the first poll", sent)
	}
	w.poll(d, lisbon, "job-1") // not yet: the server says when to ask again
	j, err := w.ledger.Job(t.Context(), lisbon, "job-1")
	if err != nil || j.Polls != 1 || !j.WakeAt.After(w.clock.now()) {
		t.Fatalf("job is %+v, %v", j, err)
	}
	w.sweep(d)
	w.atRest(lisbon)
	if w.hotel.pushes() != 1 {
		t.Errorf("%d pushes, want 1", w.hotel.pushes())
	}
}

func TestJob_VanishedMakesItsCellsDirty(t *testing.T) {
	for _, id := range []connection.ID{lisbon, porto} {
		w := newWorld(t)
		w.hotel.asJob = true
		d := w.process()
		w.push(d, id, update(1, 1, 5, price(100)))
		delete(w.hotel.jobs, "job-1")
		w.hotel.jobs["taken"] = &fakeJob{} // so that the next one gets another name
		w.sweep(d)
		w.atRest(id)
		if w.hotel.pushes() != 2 {
			t.Errorf("%s: %d pushes, want the lost one and another", id, w.hotel.pushes())
		}
	}
}

func TestJob_FailedIsTriedAgainAfterAPause(t *testing.T) {
	for _, id := range []connection.ID{lisbon, porto} {
		w := newWorld(t)
		w.hotel.asJob = true
		d := w.process()
		w.push(d, id, update(1, 1, 5, price(100)))
		w.hotel.jobs["job-1"].failed = true
		w.clock.advance(5 * time.Second)
		w.poll(d, id, "job-1")
		if l := w.lane(id); !l.OnHold(w.clock.now()) || w.hotel.pushes() != 1 {
			t.Errorf("%s: lane is %+v after %d pushes, want a pause before the next", id, l, w.hotel.pushes())
		}
		w.sweep(d)
		w.atRest(id)
		if e := w.page(id, "DBL", "BAR").Days[1][ledger.Price]; e.Why != "" || e.Desired.Heal != 1 {
			t.Errorf("%s: entry is %+v, want it healed once", id, e)
		}
	}
}

func TestJob_OverdueIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.hotel.jobTakes = func(job string) time.Duration {
		if job == "job-1" {
			return 1000 * time.Hour
		}
		return time.Second
	}
	d := w.process()
	w.push(d, porto, update(1, 1, 5, price(100)))
	w.sweep(d)
	w.atRest(porto)
	if w.clock.now().Sub(start) < 10*time.Minute {
		t.Error("given up before its deadline")
	}
	polls := 0
	for _, r := range w.hotel.requests {
		if r == "GET /cloudbeds/getRateJobs" {
			polls++
		}
	}
	if polls > 30 {
		t.Errorf("%d polls in ten minutes: they must slow down", polls)
	}
}

func TestJob_RefusedPartsAreRejectedByRun(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.push(d, porto, append(update(1, 1, 2, price(100)), update(1, 5, 6, price(200))...))
	for _, u := range w.hotel.jobs["job-1"].updates {
		if u["startDate"] == "2026-12-05" {
			u["action"], u["message"] = "error", "rate is locked"
		}
	}
	w.sweep(d)
	w.atRest(porto)
	cells := w.page(porto, "DBL", "BAR").Days
	if cells[6][ledger.Price].Why != "rate is locked" || cells[1][ledger.Price].Why != "" {
		t.Errorf("cells are %+v and %+v", cells[6], cells[1])
	}
}

func TestJob_RefusedPartsAreRejectedByIndex(t *testing.T) {
	w := newWorld(t)
	w.hotel.asJob = true
	w.hotel.refuse = func(cell string, _ ledger.Field, _ int64) string {
		if cell == "DBL/BAR/2026-12-05" {
			return "unknown_season"
		}
		return ""
	}
	d := w.process()
	w.push(d, lisbon, append(update(1, 1, 2, price(100)), update(1, 5, 6, price(200))...))
	w.sweep(d)
	w.atRest(lisbon)
	if why := w.page(lisbon, "DBL", "BAR").Days[6][ledger.Price].Why; why != "unknown_season" {
		t.Errorf("reason is %q", why)
	}
}

func TestJob_WebhookPollsSooner(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.push(d, porto, update(1, 1, 2, price(100)))
	if err := w.ledger.PollLater(t.Context(), porto, "job-1", start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(10 * time.Second)
	old := wake.Message{Kind: wake.Job, Connection: porto, Job: "job-1", At: start.Add(-time.Minute)}
	if err := d.Wake(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if jobs, _ := w.ledger.Jobs(t.Context(), porto); len(jobs) != 1 {
		t.Fatal("an old duplicate polled")
	}
	old.At = w.clock.now()
	if err := d.Wake(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	w.atRest(porto)
	if err := d.Wake(t.Context(), old); err != nil { // the job is over: nothing happens
		t.Fatal(err)
	}
}

func TestJob_WaitsForItsGrant(t *testing.T) {
	w := newWorld(t)
	d := w.process()
	w.push(d, porto, update(1, 1, 2, price(100)))
	w.grants.change("g-porto-1", func(g *grant.Grant) { g.Health = grant.ReauthorizationRequired })
	w.clock.advance(5 * time.Second)
	w.poll(d, porto, "job-1")
	if j, err := w.ledger.Job(t.Context(), porto, "job-1"); err != nil || j.WakeAt.IsZero() {
		t.Fatalf("job is %+v, %v: want it open", j, err)
	}
	for range 40 { // its deadline passes while nobody may ask
		if jobs, _ := w.ledger.Jobs(t.Context(), porto); len(jobs) > 0 {
			w.poll(d, porto, "job-1")
		}
	}
	if n, _ := ledger.Waiting(t.Context(), w.ledger, porto, 0); n != 2 {
		t.Errorf("%d cells wait, want 2: nobody knows whether the job was done", n)
	}
	w.grants.change("g-porto-1", func(g *grant.Grant) { g.Health = grant.OK })
	w.sweep(d)
	w.atRest(porto)
}

func TestSend_NotAfterTheMarksTime(t *testing.T) {
	w := newWorld(t)
	once := true
	w.ledger.Fault = func(method string, _ connection.ID) ledgertest.Fault {
		if method == "Mark" && once {
			once = false
			w.clock.advance(sendWithin) // the write took so long
			w.hotel.meet = func(http.ResponseWriter, *http.Request) bool {
				t.Error("sent after its time")
				return false
			}
		}
		return ledgertest.Fine
	}
	w.push(w.process(), lisbon, update(1, 1, 2, price(100)))
	w.hotel.meet = nil
	w.sweep(w.process())
	w.atRest(lisbon)
}
