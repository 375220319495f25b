package proxy

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// adminPrefix is where the proxy's own API lives; no AWS API has this path.
const adminPrefix = "/_proxy/"

// longestWait bounds a request that waits for a point.
const longestWait = Milliseconds(60_000)

// adminAPI is the HTTP face of the proxy's switches and books. Bodies are
// JSON; a refused request gets 400 with {"error": "…"}. It asks for no
// credentials: the proxy listens on loopback.
func (p *Proxy) adminAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_proxy/settings", func(w http.ResponseWriter, _ *http.Request) { tell(w, p.current()) })
	mux.HandleFunc("POST /_proxy/settings", p.postSettings)
	mux.HandleFunc("GET /_proxy/counts", func(w http.ResponseWriter, _ *http.Request) { tell(w, p.counts.snapshot()) })
	mux.HandleFunc("POST /_proxy/counts/reset", p.postCountsReset)
	mux.HandleFunc("GET /_proxy/log", p.getLog)
	mux.HandleFunc("GET /_proxy/faults", func(w http.ResponseWriter, _ *http.Request) { tell(w, p.faults.list()) })
	mux.HandleFunc("POST /_proxy/faults", p.postFault)
	mux.HandleFunc("DELETE /_proxy/faults", func(w http.ResponseWriter, _ *http.Request) { p.faults.remove(0); tell(w, struct{}{}) })
	mux.HandleFunc("DELETE /_proxy/faults/{id}", p.deleteFault)
	mux.HandleFunc("GET /_proxy/points", func(w http.ResponseWriter, _ *http.Request) { tell(w, p.traps.list()) })
	mux.HandleFunc("POST /_proxy/points", p.postPoint)
	mux.HandleFunc("GET /_proxy/points/{name}", p.getPoint)
	mux.HandleFunc("POST /_proxy/points/{name}/release", func(w http.ResponseWriter, r *http.Request) { p.freePoint(w, r, false) })
	mux.HandleFunc("DELETE /_proxy/points/{name}", func(w http.ResponseWriter, r *http.Request) { p.freePoint(w, r, true) })
	mux.HandleFunc("POST /_proxy/functions", p.postFunction)
	return mux
}

func tell(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

// hear decodes a body over what value holds; unknown members are refused, so
// that a misspelt switch is not taken for one that is off.
func hear(w http.ResponseWriter, r *http.Request, value any) bool {
	decoder := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return false
	}
	return true
}

// postSettings changes the members that the body names and keeps the others.
func (p *Proxy) postSettings(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	for {
		before := p.settings.Load()
		after := *before
		decoder := json.NewDecoder(strings.NewReader(string(body)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&after); err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		if p.settings.CompareAndSwap(before, &after) {
			tell(w, after)
			return
		}
	}
}

// postCountsReset answers with the books as they were closed.
func (p *Proxy) postCountsReset(w http.ResponseWriter, _ *http.Request) {
	tell(w, p.counts.reset(p.now()))
}

func (p *Proxy) getLog(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	q := LogQuery{Service: values.Get("service"), Operation: values.Get("operation"), Function: values.Get("function")}
	var errSince, errLimit error
	q.Since, errSince = number(values.Get("since"))
	limit, errLimit := number(values.Get("limit"))
	if err := errors.Join(errSince, errLimit); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	q.Limit = int(limit)
	tell(w, p.log.entries(q))
}

func number(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

func (p *Proxy) postFault(w http.ResponseWriter, r *http.Request) {
	var rule Rule
	if !hear(w, r, &rule) {
		return
	}
	if err := rule.check(); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	tell(w, p.faults.add(rule))
}

func (p *Proxy) deleteFault(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil || id <= 0 || !p.faults.remove(id) {
		refuse(w, http.StatusNotFound, errors.New("no such rule"))
		return
	}
	tell(w, struct{}{})
}

func (p *Proxy) postPoint(w http.ResponseWriter, r *http.Request) {
	t := Trap{When: Before, Nth: 1}
	if !hear(w, r, &t) {
		return
	}
	if err := t.check(); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	p.traps.arm(t)
	tell(w, Point{Trap: t})
}

// getPoint waits for the hit when the query says wait_ms.
func (p *Proxy) getPoint(w http.ResponseWriter, r *http.Request) {
	wait, err := number(r.URL.Query().Get("wait_ms"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	point, ok := p.traps.point(r.Context(), r.PathValue("name"), min(Milliseconds(wait), longestWait).Duration())
	if !ok {
		refuse(w, http.StatusNotFound, errors.New("no such point"))
		return
	}
	tell(w, point)
}

func (p *Proxy) freePoint(w http.ResponseWriter, r *http.Request, disarm bool) {
	if !p.traps.release(r.PathValue("name"), disarm) {
		refuse(w, http.StatusNotFound, errors.New("no such point"))
		return
	}
	tell(w, struct{}{})
}

// functionName gives the calls of an access key a name.
type functionName struct {
	AccessKey string `json:"access_key"`
	Name      string `json:"name"`
}

func (p *Proxy) postFunction(w http.ResponseWriter, r *http.Request) {
	var f functionName
	if !hear(w, r, &f) {
		return
	}
	if f.AccessKey == "" || f.Name == "" {
		refuse(w, http.StatusBadRequest, errors.New("access_key and name are both needed"))
		return
	}
	p.callers.add(f.AccessKey, f.Name)
	tell(w, f)
}
