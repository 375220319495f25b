package show

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bellhop/local/sandbox"
)

// alertWithin is how soon people must know that a consent is gone.
const alertWithin = 60 * time.Second

// episode is the withdrawal of one consent, from the provider's side and from
// the people's.
type episode struct {
	property  string
	withdrawn time.Time
	alerted   time.Time // the later of the two channels
	told      int       // cells waiting, as the alert counted them; -1 when it did not
	waited    []slot    // that were not as wanted when the owner came back
	cells     int       // in them
	reconnect time.Time // when the owner was through
	recovered time.Time // the later of the two channels
	arrived   int       // of cells, at the end
}

// withdraw is the middle of the story: an owner disconnects the application at
// the provider, ops hear of it, the owner is sent the link and comes back.
func (s *show) withdraw(ctx context.Context) error {
	c := s.last()
	s.episode = episode{property: c.remote, withdrawn: time.Now()}
	ended, err := s.books.RevokeConsent(ctx, sandbox.RevokeConsent{Persona: c.persona, Account: c.account, Property: c.remote})
	if err != nil {
		return err
	}
	s.screen.say(provider, "the consent of %s is withdrawn at Cloudbeds: %d of its tokens end", c.guest.hotel, ended)
	chat, signed, err := s.alerts(ctx, attention, "must be reconnected")
	if err != nil {
		return err
	}
	s.episode.alerted, s.episode.told = later(chat.at, signed.at), -1
	if n := signed.event.Data.Waiting; n != nil {
		s.episode.told = *n
	}
	s.screen.say(alerted, "%s later, in the chat (and signed at our own webhook):", brief(s.episode.alerted.Sub(s.episode.withdrawn)))
	s.screen.quote(withoutTicket(chat.text))
	return s.comeBack(ctx, c, signed.event.Data.Reconnect)
}

// comeBack lets rates pile up for a while, then brings the owner back by the
// link of the alert.
func (s *show) comeBack(ctx context.Context, c *connection, link string) error {
	if err := sleep(ctx, s.config.Length/5); err != nil {
		return err
	}
	told, err := s.operator.show(ctx, c)
	if err != nil {
		return err
	}
	t, off, err := s.holding(ctx, c)
	if err != nil {
		return err
	}
	for _, w := range off {
		s.episode.waited = append(s.episode.waited, w.at)
	}
	s.episode.cells = t.waiting()
	s.screen.say(operated, "bellhop connections show %s: %s (%s), %d cells waiting; the books miss %d", c.id, told.State, told.Reason, told.Waiting, t.waiting())
	title, walks, err := newBrowser(&s.pages).connect(ctx, link, c)
	if err != nil {
		return err
	}
	s.episode.reconnect = time.Now()
	if walks > 1 {
		s.screen.say(owned, "the provider had a bad moment; the page asked %s to try again, %d times", c.guest.owner, walks-1)
	}
	s.screen.say(owned, "%s opens the link of the alert, allows it again and reads: %s", c.guest.owner, title)
	chat, signed, err := s.alerts(ctx, recovered, "is connected to")
	if err != nil {
		return err
	}
	s.episode.recovered = later(chat.at, signed.at)
	s.screen.say(alerted, "%s after that, in the chat:", brief(max(0, s.episode.recovered.Sub(s.episode.reconnect))))
	s.screen.quote(chat.text)
	return nil
}

// alerts waits for one message on both channels.
func (s *show) alerts(ctx context.Context, kind, words string) (chat, signed news, err error) {
	since := s.episode.withdrawn
	chat, err = s.ops.await(ctx, alertWithin, "chat message", func(n news) bool {
		return n.channel == "slack" && n.at.After(since) && strings.Contains(n.text, words)
	})
	if err != nil {
		return chat, signed, err
	}
	signed, err = s.ops.await(ctx, alertWithin, "signed alert", func(n news) bool {
		return n.channel == "webhook" && n.at.After(since) && n.refused == nil && n.event.Type == kind
	})
	return chat, signed, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// String is for the table.
func (e episode) String() string { return fmt.Sprintf("%d / %d", e.arrived, e.cells) }
