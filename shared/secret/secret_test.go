package secret_test

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/template"

	"bellhop/shared/secret"
)

// canary is searched for in everything that is printed, in every dress that a
// printer might give it.
const canary = "s3cr3t-c4n4ry"

// dresses are the forms in which the canary would show.
var dresses = []string{
	canary,
	fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("% x", canary),
	fmt.Sprintf("%# x", canary), fmt.Sprintf("%# X", canary),
	strings.Trim(fmt.Sprint([]byte(canary)), "[]"), // a byte slice, in decimal
	"czNjcjN0LWM0bjRyeQ",                           // base64
}

// holders are the shapes in which a secret is met, with the fields' names saying
// what is special.
type exported struct{ Token secret.Text }
type unexported struct{ token secret.Text }
type deep struct {
	Pointer *exported
	Inner   unexported
	List    []secret.Text
	Map     map[string]secret.Text
	Any     any
	Array   [1]secret.Text
	Double  **unexported
}
type embedded struct{ secret.Text }

// named has the closure and none of the methods.
type named secret.Text
type generic[T any] struct{ value T }

func shapes() map[string]any {
	s := secret.New(canary)
	u := &unexported{s}
	return map[string]any{
		"value":              s,
		"pointer":            &s,
		"exported field":     exported{s},
		"unexported field":   unexported{s},
		"pointer to struct":  u,
		"slice":              []secret.Text{s, s},
		"slice of pointers":  []*secret.Text{&s},
		"map":                map[string]secret.Text{"token": s},
		"map of any":         map[string]any{"token": s, "inner": *u},
		"interface in slice": []any{s, &s, *u},
		"embedded":           embedded{s},
		"deep": deep{
			Pointer: &exported{s}, Inner: *u, List: []secret.Text{s}, Map: map[string]secret.Text{"t": s},
			Any: s, Array: [1]secret.Text{s}, Double: &u,
		},
		"error":        fmt.Errorf("exchanging %v: %w", s, errors.New("refused")),
		"joined error": errors.Join(fmt.Errorf("a %s", s), fmt.Errorf("b %+v", exported{s})),
		"named type":   named(s),
		"generic":      generic[secret.Text]{s},
		"reflected":    reflect.ValueOf(s),
		"sync map":     syncMap(s),
		"atomic":       atomicValue(s),
		"closure":      func() secret.Text { return s },
		"method value": s.Reveal,
		"channel of":   make(chan secret.Text, 1),
	}
}

// silent fails the test when the canary is in what was printed.
func silent(t *testing.T, how, printed string) {
	t.Helper()
	if shows(printed) {
		t.Errorf("%s lets the secret out: %q", how, printed)
	}
}

func syncMap(s secret.Text) *sync.Map {
	m := new(sync.Map)
	m.Store("token", s)
	return m
}

func atomicValue(s secret.Text) *atomic.Value {
	v := new(atomic.Value)
	v.Store(s)
	return v
}

// shows reports whether the canary is in what was printed.
func shows(printed string) bool {
	for _, d := range dresses {
		if strings.Contains(printed, d) {
			return true
		}
	}
	return false
}

func TestText_PrintsNowhereByFmt(t *testing.T) {
	verbs := []string{"v", "+v", "#v", "s", "+s", "#s", "q", "+q", "#q", "x", "X", " x", "#x", "# x", "d", "t", "c", "U", "#U",
		"b", "o", "O", "e", "g", "T", "p", "w", "z", "10s", "-40v", ".3s", "040x", "[1]v", "!"}
	for shape, v := range shapes() {
		for _, verb := range verbs {
			silent(t, fmt.Sprintf("%%%s of a %s", verb, shape), fmt.Sprintf("%"+verb, v))
		}
		silent(t, "Sprint of a "+shape, fmt.Sprint(v))
		silent(t, "Sprintln of a "+shape, fmt.Sprintln("x", v))
		silent(t, "Errorf of a "+shape, fmt.Errorf("%v %w", v, errors.New("x")).Error())
		silent(t, "width from a "+shape, fmt.Sprintf("%*d", v, 1))
	}
}

// An empty secret prints like a full one: that there is none may be a hint.
func TestText_EmptyPrintsTheSame(t *testing.T) {
	for _, verb := range []string{"%v", "%s", "%q", "%#v", "%x"} {
		if empty, full := fmt.Sprintf(verb, secret.Text{}), fmt.Sprintf(verb, secret.New("x")); empty != full || full != "[secret]" {
			t.Errorf("%s prints %q for none and %q for one", verb, empty, full)
		}
	}
}

func TestText_PrintsNowhereByMethods(t *testing.T) {
	s := secret.New(canary)
	silent(t, "String", s.String())
	silent(t, "GoString", s.GoString())
	silent(t, "LogValue", s.LogValue().String())
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	silent(t, "MarshalText", string(text))
	var _ encoding.TextMarshaler = s
}

func TestText_PrintsNowhereByLoggers(t *testing.T) {
	for shape, v := range shapes() {
		var out bytes.Buffer
		for _, h := range []slog.Handler{
			slog.NewTextHandler(&out, &slog.HandlerOptions{AddSource: true}),
			slog.NewJSONHandler(&out, nil),
		} {
			l := slog.New(h).With("with", v).WithGroup("group")
			l.Info("event", "attr", v, slog.Any("any", v), slog.Group("g", "in", v))
			l.Error("event", "error", fmt.Errorf("%v", v))
		}
		log.New(&out, "", 0).Printf("%v %+v", v, v)
		slog.New(slog.DiscardHandler).Info("event", "attr", v)
		silent(t, "logging a "+shape, out.String())
		if !strings.Contains(out.String(), "event") {
			t.Errorf("logging a %s wrote nothing: a secret must not cost a log line", shape)
		}
	}
}

func TestText_PrintsNowhereByEncoders(t *testing.T) {
	for shape, v := range shapes() {
		if b, err := json.Marshal(v); err == nil {
			silent(t, "json of a "+shape, string(b))
		} else {
			silent(t, "json's error for a "+shape, err.Error())
		}
		if b, err := xml.Marshal(v); err == nil {
			silent(t, "xml of a "+shape, string(b))
		} else {
			silent(t, "xml's error for a "+shape, err.Error())
		}
		var out bytes.Buffer
		if err := gob.NewEncoder(&out).Encode(v); err != nil {
			silent(t, "gob's error for a "+shape, err.Error())
		}
		silent(t, "gob of a "+shape, out.String())
	}
}

func TestText_PrintsNowhereByXMLAttribute(t *testing.T) {
	b, err := xml.Marshal(struct {
		XMLName xml.Name    `xml:"call"`
		Token   secret.Text `xml:"token,attr"`
		Body    secret.Text `xml:",chardata"`
	}{Token: secret.New(canary), Body: secret.New(canary)})
	if err != nil {
		t.Fatal(err)
	}
	silent(t, "xml attribute", string(b))
}

// Storage must not keep a redacted token as if it were one: gob refuses.
func TestText_GobRefuses(t *testing.T) {
	if err := gob.NewEncoder(new(bytes.Buffer)).Encode(exported{secret.New(canary)}); err == nil {
		t.Error("gob encoded a secret")
	}
}

func TestText_PrintsNowhereByTemplates(t *testing.T) {
	const source = `{{.}} {{printf "%s %x %q" . . .}} {{print .}} {{html .}} {{js .}} {{urlquery .}}`
	for shape, v := range shapes() {
		var out bytes.Buffer
		_ = template.Must(template.New("").Parse(source)).Execute(&out, v)
		_ = htmltemplate.Must(htmltemplate.New("").Parse(`<a href="{{.}}" onclick="f({{.}})">{{.}}</a>`)).Execute(&out, v)
		silent(t, "template of a "+shape, out.String())
	}
}

// A panic's text goes to the log too.
func TestText_PrintsNowhereByPanic(t *testing.T) {
	defer func() { silent(t, "panic", fmt.Sprint(recover())) }()
	panic(fmt.Sprintf("%v", deep{Any: secret.New(canary), Inner: unexported{secret.New(canary)}}))
}

func TestText_Reveals(t *testing.T) {
	if got := secret.New(canary).Reveal(); got != canary {
		t.Errorf("revealed %q", got)
	}
	if got := (secret.Text{}).Reveal(); got != "" {
		t.Errorf("the zero value revealed %q", got)
	}
}

func TestText_Empty(t *testing.T) {
	if !(secret.Text{}).Empty() || !secret.New("").Empty() || secret.New(" ").Empty() {
		t.Error("Empty does not tell empty from full")
	}
}

func TestText_Equal(t *testing.T) {
	a, b := secret.New("a"), secret.New("b")
	if !a.Equal(secret.New("a")) || a.Equal(b) || a.Equal(secret.Text{}) || !(secret.Text{}).Equal(secret.New("")) {
		t.Error("Equal does not compare the bytes")
	}
}

// An answer's tokens go straight into a Text, and do not come back by the same
// door.
func TestText_DecodesAndDoesNotEncode(t *testing.T) {
	var answer struct {
		Access secret.Text `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(`{"access_token":"`+canary+`"}`), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Access.Reveal() != canary {
		t.Errorf("decoded %q", answer.Access.Reveal())
	}
	b, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != `{"access_token":"[secret]"}` {
		t.Errorf("encoded %s", b)
	}
}
