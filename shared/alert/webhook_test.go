package alert

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The page that other people program by names every field.
func TestEvent_IsDocumented(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "alert-event.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	for _, v := range []any{Event{}, GrantData{}, EventConnection{}, ClientData{}, ForecastData{}} {
		kind := reflect.TypeOf(v)
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(page, `"`+name+`"`) && !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/alert-event.md does not name %s (%s.%s)", name, kind.Name(), kind.Field(i).Name)
			}
		}
	}
}
