package dynamo

import (
	"time"

	"bellhop/shared/bucket"
)

// The parts of a bucket, as small maps. What is zero is left out.

func callItem(c bucket.Call) item {
	m := item{"at": ms(c.At), "by": str(c.By)}
	putFlag(m, "code", c.Code)
	return m
}

func callOf(m item) bucket.Call {
	return bucket.Call{At: getTime(m, "at"), By: getStr(m, "by"), Code: getFlag(m, "code")}
}

func suspectsItem(s bucket.Suspects) item {
	m := item{}
	putMaps(m, "recent", s.Recent, refusalItem)
	putTime(m, "since", s.Since)
	putTime(m, "probe_at", s.ProbeAt)
	putStr(m, "prober", s.Prober)
	putNum(m, "probes", int64(s.Probes))
	putTime(m, "ended", s.Ended)
	putFlag(m, "cleared", s.Cleared)
	return m
}

func suspectsOf(m item) bucket.Suspects {
	return bucket.Suspects{
		Recent: getMaps(m, "recent", refusalOf), Since: getTime(m, "since"), ProbeAt: getTime(m, "probe_at"),
		Prober: getStr(m, "prober"), Probes: int(getNum(m, "probes")), Ended: getTime(m, "ended"), Cleared: getFlag(m, "cleared"),
	}
}

func refusalItem(r bucket.Refusal) item {
	m := item{"grant": str(r.Grant), "gen": num(r.Generation), "at": ms(r.At)}
	putFlag(m, "condemned", r.Condemned)
	putFlag(m, "retry", r.Retry)
	putFlag(m, "retried", r.Retried)
	return m
}

func refusalOf(m item) bucket.Refusal {
	return bucket.Refusal{
		Grant: getStr(m, "grant"), Generation: getNum(m, "gen"), At: getTime(m, "at"),
		Condemned: getFlag(m, "condemned"), Retry: getFlag(m, "retry"), Retried: getFlag(m, "retried"),
	}
}

func troubleItem(t bucket.Trouble) item {
	m := item{"episode": num(t.Episode), "since": ms(t.Since)}
	putStr(m, "grant", t.Grant)
	putNum(m, "refusals", int64(t.Refusals))
	putTime(m, "over", t.Over)
	putStr(m, "code", t.Code)
	putNum(m, "status", int64(t.Status))
	putStr(m, "payload", t.Payload)
	putStr(m, "secret_version", t.SecretVersion)
	putStr(m, "tried", t.Tried)
	putTime(m, "next_try", t.NextTry)
	putMaps(m, "alone", t.Alone, aloneItem)
	if len(t.Told) > 0 {
		told := item{}
		for channel, at := range t.Told {
			told[channel] = ms(at)
		}
		m["told"] = mapOf(told)
	}
	return m
}

func troubleOf(m item) bucket.Trouble {
	t := bucket.Trouble{
		Episode: getNum(m, "episode"), Since: getTime(m, "since"), Over: getTime(m, "over"),
		Grant: getStr(m, "grant"), Refusals: int(getNum(m, "refusals")),
		Code: getStr(m, "code"), Status: int(getNum(m, "status")), Payload: getStr(m, "payload"),
		SecretVersion: getStr(m, "secret_version"), Tried: getStr(m, "tried"), NextTry: getTime(m, "next_try"),
		Alone: getMaps(m, "alone", aloneOf),
	}
	if told := getMap(m, "told"); told != nil {
		t.Told = make(map[string]time.Time, len(told))
		for channel := range told {
			t.Told[channel] = getTime(told, channel)
		}
	}
	return t
}

func aloneItem(a bucket.Alone) item {
	m := item{"grant": str(a.Grant)}
	putNum(m, "times", int64(a.Times))
	return m
}

func aloneOf(m item) bucket.Alone {
	return bucket.Alone{Grant: getStr(m, "grant"), Times: int(getNum(m, "times"))}
}
