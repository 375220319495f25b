package show

import (
	"fmt"

	"bellhop/local/sandbox"
)

// line is one promise with what was found.
type line struct {
	what     string
	found    string
	promised string
	kept     bool
	look     []string // where to look when it was not kept
}

// judge turns the evidence into the table. It decides and does nothing else.
func judge(e evidence) []line {
	var all []line
	for _, part := range []func(evidence) []line{
		judgeTokens, judgePushes, judgeCells, judgeEpisode, judgeSecrets, judgeHouse,
	} {
		all = append(all, part(e)...)
	}
	return all
}

// none is a line about something that must not happen.
func none(what string, found []string) line {
	return line{what: what, found: number(len(found)), promised: "0", kept: len(found) == 0, look: found}
}

func judgeTokens(e evidence) []line {
	r := e.summary.Refresh
	return []line{
		{"exchanges per generation, recoveries apart", r.PerGeneration, "1.00", r.PerGeneration == "1.00",
			[]string{"the refresher's log; the books under /admin/books/exchanges"}},
		{"refresh tokens rotated", number(r.Generations), "> 0", r.Generations > 0, nil},
		{"recoveries of a lost answer, in the grace", number(r.Recoveries), "as they come", true, nil},
		none("presented twice without an open attempt", needless(e.presentations)),
		none("presented by two at once, or after the grace", beyond(r)),
	}
}

// needless finds refresh tokens that were presented again although the provider
// had answered, and the answer had been delivered: no attempt was open then. A
// presentation that a fault kept from the provider's logic spent nothing.
func needless(all []sandbox.Presentation) []string {
	answered := map[int]bool{}
	var found []string
	for _, p := range all {
		if p.Kind != sandbox.RefreshToken || p.Endpoint != "token" || p.Reason == sandbox.ReasonUnseen || p.Reason == sandbox.ReasonUnexamined {
			continue
		}
		if answered[p.Token] {
			found = append(found, fmt.Sprintf("token %d of %s, generation %d, again in request %d", p.Token, p.Client, p.Generation, p.Request))
		}
		answered[p.Token] = answered[p.Token] || p.Delivered
	}
	return found
}

func beyond(r sandbox.RefreshSummary) []string {
	var found []string
	for what, n := range map[string]int{"presented by two at once": r.Overlapped, "presented after the grace": r.TwiceOutsideGrace} {
		if n > 0 {
			found = append(found, fmt.Sprintf("%d %s", n, what))
		}
	}
	return found
}

func judgePushes(e evidence) []line {
	late := e.summary.Pushes[sandbox.PushExpired] + e.summary.Pushes[sandbox.PushSuperseded]
	back, delivered := putBack(e.requests, e.wrong)
	return []line{
		{"pushes refused for an expired token", number(late), "0", late == 0, []string{"/admin/books/requests, outcome expired or superseded"}},
		{"chunks put back and delivered", fmt.Sprintf("%s / %s", number(delivered), number(back)), "all", delivered == back,
			[]string{"the cells that are not as wanted, below"}},
	}
}

// putBack counts the pushes that the provider did not take, or took without
// telling, and those of them whose property holds all that it should by now.
func putBack(requests []sandbox.Request, off []wrong) (back, delivered int) {
	lacking := map[string]bool{}
	for _, w := range off {
		lacking[w.at.cell.Property] = true
	}
	for _, r := range requests {
		if r.Endpoint != "batch" && r.Endpoint != "patchRate" || r.Delivered && r.Status < 300 && r.Fault == "" && r.Outcome != sandbox.PushRefused {
			continue
		}
		if r.Fault == sandbox.FaultLatency {
			continue // only slow
		}
		if back++; !lacking[r.Property] {
			delivered++
		}
	}
	return back, delivered
}

func judgeCells(e evidence) []line {
	var off, older []string
	for _, w := range e.wrong {
		off = append(off, fmt.Sprintf("%s %s/%s %s %s: holds %q, wanted %q of revision %d",
			w.at.cell.Property, w.at.cell.RoomType, w.at.cell.RatePlan, w.at.cell.Date, w.at.field, w.has, w.want.value, w.want.revision))
	}
	for _, d := range e.disorders {
		older = append(older, d.String())
	}
	return []line{
		{"cells right / wanted", number(e.cells.right) + " / " + number(e.cells.wanted), "all", e.cells.right == e.cells.wanted && e.cells.wanted > 0, off},
		none("older over newer", older),
		{"connections read back, fields drifted", fmt.Sprintf("%d, %d", e.readback.done, e.readback.drifted), fmt.Sprintf("%d, 0", e.connections),
			e.readback.done == e.connections && e.readback.drifted == 0, []string{"readback_done in the pusher's log"}},
		{"wrong messages answered with the reason", fmt.Sprintf("%d / %d", e.blunders.answered, e.blunders.made), "all",
			e.blunders.answered == e.blunders.made && e.blunders.made > 0, []string{"update_refused in the pusher's log"}},
	}
}

func judgeEpisode(e evidence) []line {
	delay := e.episode.alertDelay()
	asked := afterWithdrawal(e)
	return []line{
		{"alert after the consent was withdrawn", brief(delay), "< " + brief(alertWithin),
			delay > 0 && delay < alertWithin, []string{"grant_dead in the refresher's log, alert_sent in the alerter's"}},
		none("alerts with a bad signature", texts(e.disbelieved)),
		{"exchanges of the dead grant meanwhile", number(asked), "≤ 1", asked <= 1, []string{"the refresher's log"}},
		{"cells that waited for the owner and arrived", e.episode.String(), "all", e.episode.arrived == e.episode.cells && e.episode.cells > 0,
			[]string{"the cells that are not as wanted, above"}},
		{"recovery told after the consent", brief(max(0, e.episode.recovered.Sub(e.episode.reconnect))), "< " + brief(alertWithin),
			e.episode.recovered.After(e.episode.withdrawn) && e.episode.recovered.Sub(e.episode.reconnect) < alertWithin, nil},
	}
}

// afterWithdrawal counts how often the refresh tokens of a withdrawn consent
// were presented while it was withdrawn.
func afterWithdrawal(e evidence) int {
	n := 0
	property := map[int]string{}
	for _, r := range e.requests {
		property[r.N] = r.Property
	}
	for _, p := range e.presentations {
		if p.Kind == sandbox.RefreshToken && p.Endpoint == "token" && property[p.Request] == e.episode.property &&
			p.Reason == sandbox.ReasonRevoked && p.At >= e.episode.withdrawn.UnixMilli() {
			n++
		}
	}
	return n
}

func judgeSecrets(e evidence) []line {
	var found []string
	for _, l := range e.leaks.leaks {
		found = append(found, l.String())
	}
	moved := line{"moves to another secret, at its quota", number(e.secretsMoved), "> 0", e.secretsMoved > 0,
		[]string{"epoch_turned in the refresher's log"}}
	if e.secretsFull == 0 {
		moved.promised, moved.kept = "none had to yet", true
	}
	leaks := none("tokens and secrets found in any output", found)
	leaks.look = append(leaks.look, fmt.Sprintf("(%d were looked for in %d bytes)", e.leaks.secrets, e.leaks.bytes))
	leaks.kept = leaks.kept && e.leaks.secrets > 0 && e.leaks.bytes > 0
	return []line{
		leaks,
		moved,
	}
}

func judgeHouse(e evidence) []line {
	strange := e.log.unlisted(e.listed)
	return []line{
		{"kinds of lifecycle events, unlisted ones", fmt.Sprintf("%d of %d, %d", len(e.log)-len(strange), len(e.listed), len(strange)), "0 unlisted",
			len(strange) == 0 && len(e.log) > 0, strange},
		none("calls that a role does not allow", e.denied),
		{"dead letters", number(e.deadLetters), "0", e.deadLetters == 0, []string{"the dead-letter queues"}},
	}
}

func texts(all []error) []string {
	var lines []string
	for _, err := range all {
		lines = append(lines, err.Error())
	}
	return lines
}
