package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// spokenToken is the token endpoint of a registration with a dialect.
func (s *Server) spokenToken(c *call) {
	var m *misspoken
	if errors.As(c.misspoken, &m) {
		c.answer.json(m.status, map[string]string{"error": m.code, "error_description": m.why})
	} else {
		s.token(c)
	}
	if c.dialect != nil {
		c.dialect.write(c, s.switches[c.endpoint.persona])
	}
}

// write puts the library's answer into the endpoint's own words.
func (d *Dialect) write(c *call, switches *Switches) {
	var said map[string]any
	if json.Unmarshal(c.answer.body.Bytes(), &said) != nil {
		panic("sandbox: a token answer is no JSON object")
	}
	status, own := c.answer.status, said
	if status == http.StatusOK {
		own = d.granted(said, c.now, switches)
	} else {
		if code, _ := said["error"].(string); d.Errors[code] != "" {
			own["error"] = d.Errors[code]
		}
		status = cmp.Or(d.ErrorStatus, status)
	}
	c.answer.body.Reset()
	c.answer.status = 0
	c.answer.json(status, own)
}

// granted is a success in the endpoint's own words.
func (d *Dialect) granted(said map[string]any, now int64, switches *Switches) map[string]any {
	own := map[string]any{}
	life, _ := said["expires_in"].(float64)
	said["expires_in"] = d.expiry(life, now)
	for rfc, name := range d.Answer {
		if value, ok := said[rfc]; ok {
			put(own, name, value)
		}
	}
	if d.RefreshExpiry != "" {
		own[d.RefreshExpiry] = switches.RefreshTokenLifetime / 1000
	}
	return own
}

// put enters a member, in an object of its own where its name has a dot.
func put(object map[string]any, name string, value any) {
	head, rest, nested := strings.Cut(name, ".")
	if !nested {
		object[name] = value
		return
	}
	inner, ok := object[head].(map[string]any)
	if !ok {
		inner = map[string]any{}
		object[head] = inner
	}
	put(inner, rest, value)
}

func (d *Dialect) expiry(seconds float64, now int64) any {
	at := time.UnixMilli(now).Add(time.Duration(seconds * float64(time.Second))).UTC()
	switch d.Expiry {
	case "epoch":
		return at.Unix()
	case "rfc3339":
		return at.Format(time.RFC3339)
	case "utc":
		return at.Format("2006-01-02T15:04:05")
	}
	return seconds
}
