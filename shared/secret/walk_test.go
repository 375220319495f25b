package secret_test

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// spell prints a value as the libraries do that look into everything (spew,
// pp, go-cmp, YAML and TOML encoders): by reflection, unexported fields
// included, with whatever the usual printing methods say. It stops at what it
// has been in.
func spell(w io.Writer, v reflect.Value, been map[uintptr]bool) {
	if !v.IsValid() {
		return
	}
	fmt.Fprintf(w, "%s(", v.Type())
	defer fmt.Fprint(w, ")")
	if v.CanInterface() {
		spellMethods(w, v)
		if held, ok := v.Interface().(reflect.Value); ok {
			spell(w, held, been)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Chan, reflect.Func:
		fmt.Fprintf(w, "%#x", v.Pointer())
		if v.IsNil() || been[v.Pointer()] {
			return
		}
		been[v.Pointer()] = true
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		spell(w, v.Elem(), been)
	case reflect.Struct:
		for i := range v.NumField() {
			fmt.Fprintf(w, " %s:", v.Type().Field(i).Name)
			spell(w, v.Field(i), been)
		}
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			spell(w, v.Index(i), been)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			spell(w, k, been)
			spell(w, v.MapIndex(k), been)
		}
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
	default:
		fmt.Fprint(w, v) // fmt reads unexported basic values, too
	}
}

// spellMethods calls every method of our values that takes nothing, as
// templates and debuggers may, but for Reveal, and prints what it returns.
func spellMethods(w io.Writer, v reflect.Value) {
	if !strings.Contains(v.Type().String(), "secret") {
		return // a library's may do anything
	}
	for i := range v.NumMethod() {
		name := v.Type().Method(i).Name
		if name == "Reveal" || v.Method(i).Type().NumIn() > 0 || v.Kind() == reflect.Pointer && v.IsNil() {
			continue
		}
		for _, out := range v.Method(i).Call(nil) {
			fmt.Fprintf(w, " %s=%+v", name, out)
		}
	}
}

func spelled(v any) string {
	var out strings.Builder
	spell(&out, reflect.ValueOf(v), map[uintptr]bool{})
	return out.String()
}
