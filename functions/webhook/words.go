package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/consent"
	"bellhop/shared/event"
	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// ticketOf is the ticket in the address.
func ticketOf(r request) secret.Text { return secret.New(r.PathParameters["ticket"]) }

// queryOf reads what the provider sent the browser back with. A parameter that
// comes twice is none (RFC 6749 section 3.1), so that nobody can add a second.
func queryOf(r request) consent.Query {
	q, err := url.ParseQuery(r.RawQueryString)
	if err != nil {
		return consent.Query{}
	}
	one := func(name string) string {
		if len(q[name]) != 1 {
			return ""
		}
		return q[name][0]
	}
	return consent.Query{State: secret.New(one("state")), Code: secret.New(one("code")), Error: one("error")}
}

// offerPage says what the owner is asked for, or why there is nothing to ask.
func offerPage(o consent.Offer) response {
	if o.Code != "" {
		return endingPage(consent.Ending{Result: consent.Result{Code: o.Code, Until: o.Until}, Provider: o.Provider, Connections: o.Connections}, "")
	}
	return html(http.StatusOK, page{
		Title:  offerTitle(o),
		Lead:   []string{why(o)},
		Facts:  offerFacts(o),
		Steps:  offerSteps(o),
		Button: "Continue to " + o.Provider,
		Note: "This page works once and until " + o.Expires.UTC().Format("2 January 2006, 15:04 MST") +
			". If you did not expect it, or this is not your property, close it and tell whoever sent you the link.",
		formTo: o.Authorize,
	})
}

func offerTitle(o consent.Offer) string {
	act := "Reconnect"
	if o.Grant.Reason == grant.NeverConnected {
		act = "Connect"
	}
	return fmt.Sprintf("%s %s to %s", act, hotels(o.Connections), o.Provider)
}

// why tells the owner, who knows nothing of tokens, why they are asked.
func why(o consent.Offer) string {
	switch o.Grant.Reason {
	case grant.NeverConnected:
		return "To send your rates to " + o.Provider + ", we need your permission there."
	case grant.Revoked, grant.RefusedAlone:
		return o.Provider + " no longer accepts our access to your account. This happens when the connection is removed there, or after changes to the account."
	case grant.AnswerLost:
		return "A routine renewal of our access to " + o.Provider + " was interrupted, and " + o.Provider + " asks for your permission again."
	case grant.Expired, grant.PairMissing:
		return "Our access to your account at " + o.Provider + " has run out and can only be renewed by you."
	case grant.TokenRejected:
		return o.Provider + " refuses our access to your account. Usually the connection was removed there."
	case grant.ScopeMissing:
		return "Our access to your account at " + o.Provider + " lacks a permission that is needed to send your rates."
	}
	if o.Grant.Health == grant.OK {
		return "Our access to your account at " + o.Provider + " works. You are asked for your permission again before it ends, so that nothing is interrupted."
	}
	return o.Provider + " asks for your permission again."
}

func offerFacts(o consent.Offer) []fact {
	facts := []fact{{"Property", named(o.Connections)}, {"Provider", []string{o.Provider}}}
	if o.Grant.Account != "" {
		facts = append(facts, fact{"Account there", []string{o.Grant.Account + " (please use this one)"}})
	}
	facts = append(facts, fact{"Permissions asked", o.Scopes})
	if len(o.Grant.Missing) > 0 {
		facts = append(facts, fact{"Of these missing", o.Grant.Missing})
	}
	if !o.Grant.EpisodeSince.IsZero() && o.Grant.Health != grant.OK && o.Grant.Reason != grant.NeverConnected {
		facts = append(facts, fact{"Interrupted since", []string{o.Grant.EpisodeSince.UTC().Format("2 January 2006, 15:04 MST")}})
	}
	if o.Waiting > 0 {
		facts = append(facts, fact{"Waiting", []string{fmt.Sprintf("%d nightly rates that have not reached %s", o.Waiting, o.Provider)}})
	}
	return facts
}

func offerSteps(o consent.Offer) []string {
	return []string{
		"The button leads to " + o.Provider + ", where you log in and allow the permissions above. We never see your password.",
		o.Provider + " brings you back here, and this page says whether it worked.",
		"The latest rates go out at once, then we read them back to be sure. There is nothing else for you to do.",
	}
}

// named lists the properties as their owner knows them.
func named(connections []connection.Connection) []string {
	var names []string
	for _, c := range connections {
		name := c.Hotel
		if name == "" {
			name = c.Property
		}
		names = append(names, name)
	}
	return names
}

// hotels names the properties in a title.
func hotels(connections []connection.Connection) string {
	switch names := named(connections); len(names) {
	case 0:
		return "your property"
	case 1:
		return names[0]
	case 2:
		return names[0] + " and " + names[1]
	default:
		return fmt.Sprintf("%s and %d more properties", names[0], len(names)-1)
	}
}

// endingPage says what came of a walk, and offers the way back where there is
// one.
func endingPage(e consent.Ending, publicURL string) response {
	w, known := endings[e.Code]
	if !known {
		w = endings[consent.Interrupted]
	}
	provider := e.Provider
	if provider == "" {
		provider = "the provider"
	}
	say := strings.NewReplacer("{hotel}", hotels(e.Connections), "{provider}", provider,
		"{account}", e.Account, "{pinned}", e.Pinned, "{until}", minuteAfter(e.Until)).Replace
	p := page{Title: say(w.title)}
	for _, l := range w.lead {
		p.Lead = append(p.Lead, say(l))
	}
	if len(e.Missing) > 0 {
		p.Facts = []fact{{"Still missing", e.Missing}}
	}
	if !e.Again.Empty() {
		p.Link = &link{Text: "Try again", URL: consent.Link(publicURL, e.Again)}
	}
	return html(w.status, p)
}

// minuteAfter is the first whole minute after a time, for people.
func minuteAfter(at time.Time) string {
	return at.Add(time.Minute).Truncate(time.Minute).UTC().Format("2 January 2006, 15:04 MST")
}

// trouble is the page for a failure of ours before anything was done.
func (h *webhook) trouble(ctx context.Context, err error) response {
	h.log.Error(ctx, event.ReconnectFailed, slog.String("grant", ""), slog.String("why", string(consent.TryLater)),
		slog.String("error", err.Error()))
	r := endingPage(consent.Ending{Result: consent.Result{Code: consent.TryLater, At: time.Time{}}}, h.publicURL)
	r.Headers["Retry-After"] = "30"
	return r
}
