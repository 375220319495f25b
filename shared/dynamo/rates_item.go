package dynamo

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"bellhop/shared/connection"
	"bellhop/shared/ledger"
	"bellhop/shared/wake"
)

// laneOf reads a lane; m may be nil, for one that was never bumped.
func laneOf(id connection.ID, m item) (ledger.Lane, error) {
	l := ledger.Lane{Connection: id, Marks: map[string]ledger.Mark{}}
	if m == nil {
		return l, nil
	}
	if err := known(m); err != nil {
		return ledger.Lane{}, err
	}
	l.Seq, l.Takes, l.All = getNum(m, "seq"), getNum(m, "takes"), getFlag(m, "all")
	if nonce := getStr(m, "holder"); nonce != "" {
		l.Holder = &ledger.Holder{Nonce: nonce, LeaseEnd: getTime(m, "lease_end")}
	}
	l.HoldUntil, l.Hold, l.WakeAt = getTime(m, "hold_until"), getStr(m, "hold"), getTime(m, "wake_at")
	l.Failures, l.Hops, l.Refused = int(getNum(m, "failures")), int(getNum(m, "hops")), getNum(m, "refused")
	for _, s := range getSet(m, "pages") {
		k, err := ledger.ParsePageKey(s)
		if err != nil {
			return ledger.Lane{}, fmt.Errorf("reading lane %s: %w", id, err)
		}
		l.Pages = append(l.Pages, k)
	}
	for name, v := range getMap(m, "marks") {
		mark, err := markOf(v)
		if err != nil {
			return ledger.Lane{}, fmt.Errorf("reading mark %s of lane %s: %w", name, id, err)
		}
		l.Marks[name] = mark
	}
	return l.Sorted(), nil
}

func markOf(v types.AttributeValue) (ledger.Mark, error) {
	m, ok := v.(*types.AttributeValueMemberM)
	if !ok {
		return ledger.Mark{}, ledger.ErrCodec
	}
	spans, err := ledger.DecodeSpans(getStr(m.Value, "spans"))
	return ledger.Mark{Spans: spans, Due: getTime(m.Value, "due")}, err
}

func markValue(m ledger.Mark) types.AttributeValue {
	return mapOf(item{"spans": str(ledger.EncodeSpans(m.Spans)), "due": ms(m.Due)})
}

// pageItem is a page as its next version. The table deletes it some time after
// its month.
func pageItem(id connection.ID, p ledger.Page) item {
	m := key(ratesPK(id), pageSK(p.Key))
	m["v"], m["version"] = num(version), num(p.Version+1)
	m["cells"] = str(ledger.EncodePage(p))
	m["expires_at"] = num(p.Key.Expires().Unix())
	return m
}

// pageOf reads a page; m may be nil, for one that was never written.
func pageOf(k ledger.PageKey, m item) (ledger.Page, error) {
	if m == nil {
		return ledger.Page{Key: k, Days: map[int]ledger.Cell{}}, nil
	}
	if err := known(m); err != nil {
		return ledger.Page{}, err
	}
	return ledger.DecodePage(k, getNum(m, "version"), getStr(m, "cells"))
}

// pagesOf picks the pages from what was found, in the order of keys.
func pagesOf(keys []ledger.PageKey, found map[string]item) ([]ledger.Page, error) {
	pages := make([]ledger.Page, len(keys))
	for i, k := range keys {
		p, err := pageOf(k, found[pageSK(k)])
		if err != nil {
			return nil, err
		}
		pages[i] = p
	}
	return pages, nil
}

func jobItem(j ledger.Job) item {
	m := key(ratesPK(j.Connection), jobPrefix+j.ID)
	m["v"], m["spans"] = num(version), str(ledger.EncodeSpans(j.Spans))
	if len(j.Runs) > 0 {
		runs, _ := json.Marshal(j.Runs) // codes and dates always marshal
		m["runs"] = str(string(runs))
	}
	m["started"], m["deadline"], m["polls"] = ms(j.Started), ms(j.Deadline), num(int64(j.Polls))
	m["wake_at"], m["wake_shard"] = ms(j.WakeAt), shardOf(j.Connection)
	return m
}

func jobOf(id connection.ID, m item) (ledger.Job, error) {
	if err := known(m); err != nil {
		return ledger.Job{}, err
	}
	j := ledger.Job{
		Connection: id, ID: getStr(m, "sk")[len(jobPrefix):],
		Started: getTime(m, "started"), Deadline: getTime(m, "deadline"), WakeAt: getTime(m, "wake_at"),
		Polls: int(getNum(m, "polls")),
	}
	if runs := getStr(m, "runs"); runs != "" {
		if err := json.Unmarshal([]byte(runs), &j.Runs); err != nil {
			return ledger.Job{}, fmt.Errorf("reading the runs of job %s: %w", j.ID, ledger.ErrCodec)
		}
	}
	spans, err := ledger.DecodeSpans(getStr(m, "spans"))
	if err != nil {
		return ledger.Job{}, fmt.Errorf("reading job %s: %w", j.ID, err)
	}
	j.Spans = spans
	return j, nil
}

func readbackItem(r ledger.Readback) item {
	m := key(ratesPK(r.Connection), readbackKey)
	m["v"], m["cursor"], m["from"], m["to"] = num(version), str(r.Cursor), str(r.From), str(r.To)
	m["started"] = ms(r.Started)
	m["compared"], m["drifted"] = num(int64(r.Compared)), num(int64(r.Drifted))
	m["wake_at"], m["wake_shard"] = ms(r.WakeAt), shardOf(r.Connection)
	return m
}

func readbackOf(id connection.ID, m item) (ledger.Readback, error) {
	if err := known(m); err != nil {
		return ledger.Readback{}, err
	}
	return ledger.Readback{
		Connection: id, Cursor: getStr(m, "cursor"), From: getStr(m, "from"), To: getStr(m, "to"),
		Started: getTime(m, "started"), WakeAt: getTime(m, "wake_at"),
		Compared: int(getNum(m, "compared")), Drifted: int(getNum(m, "drifted")),
	}, nil
}

// shardOf is the shard of the wake index that a connection's items are in.
func shardOf(id connection.ID) types.AttributeValue { return str(wake.Shard(string(id))) }

// getSet reads a string set. The table has no empty one: absent is empty.
func getSet(m item, k string) []string {
	if v, ok := m[k].(*types.AttributeValueMemberSS); ok {
		return v.Value
	}
	return nil
}
