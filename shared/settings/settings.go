// Package settings reads a function's environment, once, at cold start. All
// that is wrong is reported together, each with the variable's name and what a
// good value looks like, so that a deployment is mended in one go. Nothing
// secret is ever in the environment: it names where secrets are.
package settings

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// rule is what a variable must hold.
type rule struct {
	good func(string) bool
	want string
}

// rules are the words of the tag `is`.
var rules = map[string]rule{
	"stack":  {filled, "the stack's name, such as bellhop"},
	"table":  {filled, "a table's name, such as bellhop-GrantsTable-1ABC"},
	"queue":  {isURL, "a queue's URL, such as https://sqs.eu-central-1.amazonaws.com/123456789012/name"},
	"secret": {filled, "the ARN or name of a secret, such as bellhop/keys"},
	"prefix": {isPrefix, "the stack's name and a slash, such as bellhop/"},
	"origin": {isOrigin, "an origin without a path, such as https://connect.example.com"},
	"level":  {func(string) bool { return true }, "DEBUG, INFO, WARN or ERROR"},
}

// Read fills a T, a struct whose fields have two tags: `env` names the
// variable, as github.com/caarlos0/env has it, and `is` what it holds: stack,
// table, queue, secret, prefix, origin or level. Every variable without a
// default must be there.
func Read[T any](getenv func(string) string) (T, error) {
	var into T
	fields := reflect.VisibleFields(reflect.TypeFor[T]())
	environment := map[string]string{}
	for _, f := range fields {
		if value := getenv(f.Tag.Get("env")); value != "" {
			environment[f.Tag.Get("env")] = value
		}
	}
	wrong := misread(env.ParseWithOptions(&into, env.Options{Environment: environment}))
	var problems []error
	for _, f := range fields {
		r, known := rules[f.Tag.Get("is")]
		if !known {
			panic("settings: field " + f.Name + " has no rule") // a slip of ours, found by the first test of the function
		}
		name, value := f.Tag.Get("env"), environment[f.Tag.Get("env")]
		if wrong[f.Name] || !r.good(value) {
			problems = append(problems, fmt.Errorf("%s is %q: want %s", name, value, r.want))
		}
	}
	return into, errors.Join(problems...)
}

// misread names the fields whose variables the library could not read.
func misread(err error) map[string]bool {
	wrong := map[string]bool{}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return wrong
	}
	for _, one := range all.Errors {
		var p env.ParseError
		if errors.As(one, &p) {
			wrong[p.Name] = true
		}
	}
	return wrong
}

func filled(s string) bool { return s != "" }

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func isPrefix(s string) bool { return len(s) > 1 && strings.HasSuffix(s, "/") }

// isOrigin reports whether addresses can be made by adding a path.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && isURL(s) && u.Path == "" && u.RawQuery == "" && u.Fragment == ""
}
