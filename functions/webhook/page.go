package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var style string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// styleSource is how the policy names the one stylesheet that is allowed.
var styleSource = func() string {
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// page is everything that a page can say. Empty fields leave their part out.
type page struct {
	Title string
	Lead  []string // paragraphs
	Facts []fact
	Steps []string // what happens next
	// Button starts a walk by a POST to this very page; Link leads to a page.
	Button string
	Link   *link
	Note   string
	// formTo is where the button's redirect leads: browsers hold redirects to
	// the policy's form-action too.
	formTo string
	Style  template.CSS
}

type fact struct {
	Name   string
	Values []string
}

type link struct{ Text, URL string }

// html renders a page with a status.
func html(status int, p page) response {
	p.Style = template.CSS(style)
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		return plain(http.StatusInternalServerError) // our own template and values
	}
	r := plain(status)
	r.Headers["Content-Type"], r.Body = "text/html; charset=utf-8", b.String()
	r.Headers["Content-Security-Policy"] = policy(p.formTo)
	return r
}

// policy allows the one stylesheet and, on a page with a button, its form:
// nothing is loaded, nothing runs, nobody frames us
// (https://www.w3.org/TR/CSP3/).
func policy(formTo string) string {
	form := "'none'"
	if formTo != "" {
		form = "'self'"
		if u, err := url.Parse(formTo); err == nil && u.Host != "" {
			form += " " + u.Scheme + "://" + u.Host
		}
	}
	return strings.Join([]string{
		"default-src 'none'", "style-src " + styleSource, "form-action " + form,
		"base-uri 'none'", "frame-ancestors 'none'",
	}, "; ")
}

// plain is an answer without a body, with the headers that every answer has:
// what is behind our addresses is for one reader, once.
func plain(status int) response {
	return response{StatusCode: status, Headers: map[string]string{
		"Cache-Control":             "no-store",
		"Referrer-Policy":           "no-referrer", // the address holds a ticket, or a code
		"X-Content-Type-Options":    "nosniff",
		"X-Frame-Options":           "DENY",
		"X-Robots-Tag":              "noindex",
		"Strict-Transport-Security": "max-age=31536000",
	}}
}

// redirect sends the browser on by a GET.
func redirect(to string) response {
	r := plain(http.StatusSeeOther)
	r.Headers["Location"] = to
	return r
}
