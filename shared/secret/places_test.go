package secret_test

import (
	"bytes"
	"database/sql/driver"
	"encoding"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"bellhop/shared/secret"
)

// Every letter is a verb to somebody, and every flag may stand before it.
func TestText_PrintsNowhereByAnyVerbAndFlag(t *testing.T) {
	all := shapes()
	for verb := rune(' ' + 1); verb < 0x7f; verb++ {
		for _, flags := range []string{"", "+", "-", "#", " ", "0", "+#", "-0", "# ", "9.3", "+-# 012.9"} {
			format := "%" + flags + string(verb)
			for shape, v := range all {
				if out := fmt.Sprintf(format, v); shows(out) {
					t.Errorf("%s of a %s lets the secret out: %q", format, shape, out)
				}
			}
		}
	}
}

// Libraries that look into everything find a function, which they cannot call.
func TestText_PrintsNowhereByReflection(t *testing.T) {
	for shape, v := range shapes() {
		silent(t, "reflection on a "+shape, spelled(v))
	}
	if !shows(spelled(struct{ token string }{canary})) || !shows(spelled(map[string]any{"t": []*[]byte{{}}, "s": canary})) {
		t.Error("reflection does not reach what a plain string would show")
	}
}

// All that the type can do without being asked by that name says nothing.
func TestText_RevealAloneReveals(t *testing.T) {
	v := reflect.ValueOf(secret.New(canary))
	revealing := []string{}
	for i := range v.NumMethod() {
		m := v.Method(i)
		if m.Type().NumIn() > 0 {
			continue
		}
		if shows(fmt.Sprintf("%+v", m.Call(nil))) {
			revealing = append(revealing, v.Type().Method(i).Name)
		}
	}
	if len(revealing) != 1 || revealing[0] != "Reveal" {
		t.Errorf("%q reveal", revealing)
	}
}

// What is not there cannot be used by an encoder or a driver that asks for it.
func TestText_OffersNoOtherWayOut(t *testing.T) {
	for name, v := range map[string]any{"value": secret.New(canary), "pointer": new(secret.Text)} {
		if _, is := v.(encoding.BinaryMarshaler); is {
			t.Errorf("a %s marshals to binary", name)
		}
		if _, is := v.(driver.Valuer); is {
			t.Errorf("a %s is a database's value", name)
		}
		if _, is := v.(error); is {
			t.Errorf("a %s is an error", name)
		}
	}
}

func TestText_PrintsNowhereByDatabases(t *testing.T) {
	for shape, v := range shapes() {
		for _, c := range []driver.ValueConverter{driver.DefaultParameterConverter, driver.String, driver.Null{Converter: driver.String}, driver.NotNull{Converter: driver.DefaultParameterConverter}} {
			got, err := c.ConvertValue(v)
			silent(t, fmt.Sprintf("%T of a %s", c, shape), fmt.Sprint(got, err))
		}
	}
}

func TestText_PrintsNowhereByBinaryEncoders(t *testing.T) {
	for shape, v := range shapes() {
		var out bytes.Buffer
		err := binary.Write(&out, binary.BigEndian, v)
		silent(t, "binary of a "+shape, fmt.Sprint(out.String(), err))
		b, err := asn1.Marshal(v)
		silent(t, "asn1 of a "+shape, fmt.Sprint(string(b), err))
	}
}

func TestText_PrintsNowhereByExpvar(t *testing.T) {
	for shape, v := range shapes() {
		silent(t, "expvar of a "+shape, expvar.Func(func() any { return v }).String())
		m := new(expvar.Map).Init()
		m.Set("token", expvar.Func(func() any { return v }))
		silent(t, "expvar map of a "+shape, m.String())
	}
}

// An error that carries a secret prints as one that does not, at every link of
// its chain, however it is found.
func TestText_PrintsNowhereByErrorChains(t *testing.T) {
	inner := &refusal{token: secret.New(canary), Detail: exported{secret.New(canary)}}
	err := errors.Join(errors.New("first"), fmt.Errorf("refreshing: %w", fmt.Errorf("exchanging: %w", inner)))
	var found *refusal
	if !errors.As(err, &found) {
		t.Fatal("the chain does not hold together")
	}
	for _, e := range []any{err, found, *found, errors.Unwrap(fmt.Errorf("x: %w", inner))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			silent(t, verb+" of an error", fmt.Sprintf(verb, e))
		}
		b, _ := json.Marshal(e)
		silent(t, "json of an error", string(b))
	}
}

// refusal is an error with a secret in it, as nobody should write one.
type refusal struct {
	token  secret.Text
	Detail exported
}

func (r *refusal) Error() string { return fmt.Sprintf("refused %v %+v %s", r, *r, r.token) }

// The verb that stands for the error itself must not end in itself.
func (r *refusal) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "refused %v %+v", r.token, r.Detail) }

// panics are values that a crash prints without asking fmt.
var panics = map[string]func(){
	"text":    func() { panic(secret.New(canary)) },
	"pointer": func() { s := secret.New(canary); panic(&s) },
	"struct":  func() { panic(unexported{secret.New(canary)}) },
	"error":   func() { panic(error(&refusal{token: secret.New(canary)})) },
	"map":     func() { _ = map[any]int{unexported{secret.New(canary)}: 1} }, // hashing what cannot be hashed
	"deep":    func() { sink(secret.New(canary), unexported{secret.New(canary)}) },
}

// sink crashes with secrets among its arguments, which a stack trace shows.
//
//go:noinline
func sink(s secret.Text, u unexported) {
	var nothing *exported
	nothing.Token = s
	_ = u
}

// The crash of a real process: its last words are a log line on Lambda.
func TestText_PrintsNowhereByACrash(t *testing.T) {
	if name := os.Getenv("SECRET_TEST_PANIC"); name != "" {
		panics[name]()
	}
	for name := range panics {
		cmd := exec.Command(os.Args[0], "-test.run=^TestText_PrintsNowhereByACrash$")
		cmd.Env = append(os.Environ(), "SECRET_TEST_PANIC="+name, "GOTRACEBACK=all")
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !strings.Contains(string(out), "goroutine ") {
			t.Fatalf("%s: no crash: %v, %s", name, err, out)
		}
		silent(t, "a crash with a "+name, string(out))
	}
}

// A search that finds nothing must be one that could.
func TestSilent_FindsTheCanaryInItsDresses(t *testing.T) {
	for _, text := range []string{
		canary, hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary))), fmt.Sprintf("% x", canary),
		fmt.Sprint([]byte(canary)), base64.StdEncoding.EncodeToString([]byte(canary)), fmt.Sprintf("%q", canary), fmt.Sprintf("%+v", struct{ S string }{canary}),
	} {
		if !shows("before " + text + " after") {
			t.Errorf("%q is not found", text)
		}
	}
}
