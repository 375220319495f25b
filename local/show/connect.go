package show

import (
	"context"

	"golang.org/x/sync/errgroup"

	"bellhop/local/sandbox"
)

// atOnce is how many commands and browsers are at work side by side.
const atOnce = 3

// connect adds both clients and all connections, and walks the owners through
// their consents.
func (s *show) connect(ctx context.Context) error {
	for _, c := range s.clients {
		if err := s.operator.addClient(ctx, c, s.books.BaseURL); err != nil {
			return err
		}
		s.screen.say(operated, "bellhop clients add %s --provider %s …  (its secret on standard input)", c.id, c.Persona)
	}
	links := make([]string, len(s.connections))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, c := range s.connections {
		group.Go(func() error {
			answer, err := s.operator.addConnection(within, c)
			c.secret, links[i] = answer.SigningSecret, answer.Link
			s.screen.live("bellhop connections add " + c.id)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	consents := 0
	for _, link := range links {
		if link != "" {
			consents++
		}
	}
	s.screen.say(operated, "bellhop connections add × %d; %d of them print a link for the owner", len(links), consents)
	return s.consents(ctx, links)
}

// consents sends every owner to the link that was printed for them.
func (s *show) consents(ctx context.Context, links []string) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	n := 0
	for i, c := range s.connections {
		if links[i] == "" {
			continue
		}
		n++
		group.Go(func() error {
			s.screen.live(c.guest.owner + " opens the link")
			title, _, err := newBrowser(&s.pages).connect(within, links[i], c)
			if err == nil && c.id == s.last().id {
				s.screen.say(owned, "%s opens the link, allows it at Cloudbeds and reads: %s", c.guest.owner, title)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	s.screen.say(owned, "%d owners have consented (authorization code with PKCE)", n)
	return nil
}

// last is the connection that the story is told about: cloudbeds', with a
// consent of its own.
func (s *show) last() *connection { return s.connections[len(s.connections)-1] }

// spare is the remote property of another connection with a consent of its own;
// empty when there is none.
func (s *show) spare() string {
	before := s.connections[max(0, len(s.connections)-2)]
	if before.persona != sandbox.Cloudbeds {
		return ""
	}
	return before.remote
}
