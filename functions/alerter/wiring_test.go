package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"bellhop/shared/secret"
	"bellhop/shared/settings"
)

// environment is a good one.
func environment() map[string]string {
	return map[string]string{
		"STACK": "bellhop", "GRANTS_TABLE": "g", "RATES_TABLE": "r", "KEYS_SECRET": "bellhop/keys",
		"ALERT_TARGETS_SECRET": "bellhop/alerts", "PUBLIC_URL": "https://connect.example.com",
	}
}

func TestWire(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	good := environment()
	if _, err := wire(func(name string) string { return good[name] }); err != nil {
		t.Fatal(err)
	}
}

// All that is wrong is said at once, with what a good value looks like.
func TestSettings_AllProblemsTogether(t *testing.T) {
	_, err := settings.Read[variables](func(name string) string { return map[string]string{"LOG_LEVEL": "LOUD"}[name] })
	if err == nil {
		t.Fatal("nothing is wrong with nothing")
	}
	for name := range environment() {
		if !strings.Contains(err.Error(), name+" is ") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	if !strings.Contains(err.Error(), "such as https://connect.example.com") || !strings.Contains(err.Error(), "LOG_LEVEL") {
		t.Errorf("no good value is shown: %v", err)
	}
}

// drawer holds one secret.
type drawer struct {
	text string
	err  error
}

func (d *drawer) Text(context.Context, string) (secret.Text, error) { return secret.New(d.text), d.err }

func TestChannels_FollowTheirSecret(t *testing.T) {
	d := &drawer{text: `{"slack_url":"https://hooks.example.com/a"}`}
	find := channelsOf(d, "alerts")
	first, err := find(t.Context())
	if err != nil || len(first) != 1 || first[0].Name() != "slack" {
		t.Fatalf("channels %v, %v", first, err)
	}
	if again, _ := find(t.Context()); again[0] != first[0] {
		t.Error("an unchanged secret made its channels anew: no connection would ever be kept")
	}
	d.text = `{"slack_url":"https://hooks.example.com/b"}`
	if changed, err := find(t.Context()); err != nil || changed[0] == first[0] {
		t.Errorf("a changed secret changed nothing: %v", err)
	}
	d.text = `{"slack_url":"","webhook_url":"","webhook_secret":""}`
	if off, err := find(t.Context()); err != nil || len(off) != 0 {
		t.Errorf("switched off: %v, %v", off, err)
	}
}

func TestChannels_TroubleIsSaidAndNotKept(t *testing.T) {
	d := &drawer{err: errors.New("no answer")}
	find := channelsOf(d, "alerts")
	if _, err := find(t.Context()); err == nil {
		t.Error("no channels, and no error: the alert would be taken for told")
	}
	d.err, d.text = nil, `{"slack_url":"http://hooks.example.com/in-the-clear"}`
	if _, err := find(t.Context()); err == nil || strings.Contains(err.Error(), "in-the-clear") {
		t.Errorf("a target in the clear: %v", err)
	}
	d.text = `{"slack_url":"https://hooks.example.com/a"}`
	if c, err := find(t.Context()); err != nil || len(c) != 1 {
		t.Errorf("mended: %v, %v", c, err)
	}
}
