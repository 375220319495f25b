package show

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// browser is an owner's: it keeps cookies, follows redirects, reads pages and
// presses buttons. It runs no script, and the pages need none.
type browser struct {
	http *http.Client
	seen *transcript
}

func newBrowser(seen *transcript) *browser {
	jar, _ := cookiejar.New(nil) // never fails without options
	return &browser{http: &http.Client{Jar: jar, Timeout: 40 * time.Second}, seen: seen}
}

// sheet is one page as the browser shows it.
type sheet struct {
	address *url.URL
	status  int
	title   string // the first heading
	form    *form  // the first one; nil when there is none
	again   string // where its button leads that is a link; empty without one
}

// form is what a page lets its reader send.
type form struct {
	action string
	values url.Values // as they are filled in already
}

// mostWalks is how often an owner tries before giving up.
const mostWalks = 4

// connect walks from the link to the page that says that all is well, as the
// owner of the connection's property. A page that asks to try again, because
// the provider had a bad moment, is obeyed. It returns the heading of the page
// on which it ends, and how many walks it took.
func (b *browser) connect(ctx context.Context, link string, c *connection) (title string, walks int, err error) {
	for walks = 1; ; walks++ {
		page, err := b.walk(ctx, link, c)
		if err != nil {
			return "", walks, err
		}
		if strings.Contains(page.title, "is connected to") {
			return page.title, walks, nil
		}
		again, err := page.address.Parse(page.again)
		if page.again == "" || err != nil || walks == mostWalks {
			return "", walks, fmt.Errorf("%s ended on the page %q (status %d)", c.guest.owner, page.title, page.status)
		}
		link = again.String()
	}
}

// walk goes once through our page, the provider's consent form and back.
func (b *browser) walk(ctx context.Context, link string, c *connection) (sheet, error) {
	page, err := b.open(ctx, link)
	if err != nil {
		return sheet{}, err
	}
	if page, err = b.press(ctx, page, nil); err != nil {
		return sheet{}, fmt.Errorf("pressing the button of %q: %w", page.title, err)
	}
	if page, err = b.press(ctx, page, url.Values{"property": {c.remote}, "decision": {"allow"}}); err != nil {
		return sheet{}, fmt.Errorf("allowing it on %q: %w", page.title, err)
	}
	return page, nil
}

// open loads a page.
func (b *browser) open(ctx context.Context, address string) (sheet, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return sheet{}, fmt.Errorf("opening a page: %w", err)
	}
	return b.load(request)
}

// press sends the page's form with some fields chosen by hand, and returns the
// page that it leads to. When there is none, it returns the page that it was
// on.
func (b *browser) press(ctx context.Context, on sheet, chosen url.Values) (sheet, error) {
	if on.form == nil {
		return on, errors.New("the page has no form")
	}
	target, err := on.address.Parse(on.form.action)
	if err != nil {
		return on, fmt.Errorf("reading the form's action: %w", err)
	}
	for name, values := range chosen {
		on.form.values[name] = values
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(on.form.values.Encode()))
	if err != nil {
		return on, fmt.Errorf("sending a form: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	next, err := b.load(request)
	if err != nil {
		return on, err
	}
	return next, nil
}

// load sends a request, follows where it leads, and reads the page. Errors do
// not name the address, which may hold a ticket.
func (b *browser) load(request *http.Request) (sheet, error) {
	response, err := b.http.Do(request)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return sheet{}, fmt.Errorf("loading a page: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return sheet{}, fmt.Errorf("loading a page: %w", err)
	}
	b.seen.add(string(body))
	root, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		return sheet{}, fmt.Errorf("reading a page: %w", err)
	}
	s := sheet{address: response.Request.URL, status: response.StatusCode}
	s.read(root)
	return s, nil
}

// read finds the heading, the form and the link.
func (s *sheet) read(n *html.Node) {
	if n.Type == html.ElementNode {
		switch n.Data {
		case "h1":
			if s.title == "" {
				s.title = strings.TrimSpace(words(n))
			}
		case "form":
			if s.form == nil {
				s.form = &form{action: attribute(n, "action"), values: url.Values{}}
			}
		case "input":
			s.fill(n)
		case "a":
			if attribute(n, "class") == "button" {
				s.again = attribute(n, "href")
			}
		}
	}
	for child := range n.ChildNodes() {
		s.read(child)
	}
}

// fill takes over what is filled in: hidden and text fields, ticked boxes. What
// is to be selected or pressed, the owner chooses.
func (s *sheet) fill(n *html.Node) {
	name, kind := attribute(n, "name"), attribute(n, "type")
	if s.form == nil || name == "" {
		return
	}
	if ticked := has(n, "checked"); (kind == "checkbox" || kind == "radio") && !ticked {
		return
	}
	s.form.values.Add(name, attribute(n, "value"))
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// words is the text inside an element.
func words(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var all strings.Builder
	for child := range n.ChildNodes() {
		all.WriteString(words(child))
	}
	return all.String()
}
