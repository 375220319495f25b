package show

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// walk is a reconnect page, a provider's form and a callback, as small as they
// can be.
func walk(t *testing.T, endings ...string) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /reconnect/t1", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "walk", Value: "1"})
		fmt.Fprint(w, `<h1>Connect Hotel Lisboa</h1><form method="post"><button>Continue</button></form>`)
	})
	mux.HandleFunc("POST /reconnect/t1", func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("walk"); err != nil {
			t.Error("the browser forgot its cookie")
		}
		http.Redirect(w, r, "/authorize?state=s1", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<h1>Allow?</h1><form method="post"><select name="property"><option value="1">1</select>
			<input type="checkbox" name="scope" value="read" checked><input type="checkbox" name="scope" value="all"><input type="hidden" name="csrf" value="c1"></form>`)
	})
	mux.HandleFunc("POST /authorize", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if got := fmt.Sprint(r.PostForm["property"], r.PostForm["scope"], r.PostForm["csrf"], r.PostForm["decision"], r.URL.RawQuery); got != "[190811] [read] [c1] [allow]state=s1" {
			t.Errorf("the form was sent as %s", got)
		}
		http.Redirect(w, r, "/callback", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<h1>"+endings[0]+"</h1>")
		if endings = endings[1:]; len(endings) > 0 {
			fmt.Fprint(w, `<a class="button" href="/reconnect/t1">Try again</a>`)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestOwner_WalksThroughTheConsent(t *testing.T) {
	server := walk(t, "Hotel Lisboa is connected to Cloudbeds")
	var seen transcript
	title, walks, err := newBrowser(&seen).connect(context.Background(), server.URL+"/reconnect/t1", &connection{remote: "190811"})
	if err != nil || title != "Hotel Lisboa is connected to Cloudbeds" || walks != 1 {
		t.Errorf("the walk ends at %q, %v, after %d", title, err, walks)
	}
	if !strings.Contains(string(seen.bytes()), "Allow?") {
		t.Error("the pages were not kept")
	}
}

func TestOwner_AnotherEndingIsAnError(t *testing.T) {
	server := walk(t, "This link is too old")
	_, _, err := newBrowser(new(transcript)).connect(context.Background(), server.URL+"/reconnect/t1", &connection{remote: "190811"})
	if err == nil || !strings.Contains(err.Error(), "too old") {
		t.Errorf("the error is %v", err)
	}
}

func TestOwner_TriesAgainWhereThePageAsksForIt(t *testing.T) {
	server := walk(t, "Please try again in a few minutes", "Hotel Lisboa is connected to Cloudbeds")
	title, walks, err := newBrowser(new(transcript)).connect(context.Background(), server.URL+"/reconnect/t1", &connection{remote: "190811"})
	if err != nil || walks != 2 || title != "Hotel Lisboa is connected to Cloudbeds" {
		t.Errorf("ends at %q, %v, after %d walks", title, err, walks)
	}
}

// post delivers a signed alert event.
func post(t *testing.T, to, secret, body string) int {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	signature, err := hook.Sign("m1", now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(standardwebhooks.HeaderWebhookID, "m1")
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestOps_BelieveAGoodSignatureOnly(t *testing.T) {
	o := newOps(0)
	hook, err := standardwebhooks.NewWebhook(o.secret)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.receive(w, r, func(body []byte) news { return fromWebhook(hook, r.Header, body) })
	}))
	defer server.Close()
	const body = `{"type":"grant.attention_required","data":{"grant":"lis","reason":"revoked","cells_waiting":14}}`
	if status := post(t, server.URL, newOps(0).secret, body); status != http.StatusUnauthorized {
		t.Errorf("a stranger's alert is answered %d", status)
	}
	if status := post(t, server.URL, o.secret, body); status != http.StatusOK {
		t.Errorf("our own alert is answered %d", status)
	}
	if len(o.refusals()) != 1 {
		t.Errorf("refused: %v", o.refusals())
	}
	n, err := o.await(context.Background(), time.Second, "alert", func(n news) bool { return n.refused == nil && n.event.Type == attention })
	if err != nil || n.event.Data.Waiting == nil || *n.event.Data.Waiting != 14 {
		t.Errorf("got %+v, %v", n, err)
	}
}

func TestOps_WaitAndSayWhatDidNotCome(t *testing.T) {
	_, err := newOps(0).await(context.Background(), time.Millisecond, "chat message", func(news) bool { return true })
	if err == nil || !strings.Contains(err.Error(), "no chat message within") {
		t.Errorf("the error is %v", err)
	}
}

func TestWithoutTicket_LinksAreShownShort(t *testing.T) {
	got := withoutTicket("Reconnect: http://h/reconnect/abcdefghijklmnop\nor http://h/reconnect/qrstuvwxyz|here")
	if want := "Reconnect: http://h/reconnect/abcd…\nor http://h/reconnect/qrst…|here"; got != want {
		t.Errorf("got %q", got)
	}
}
