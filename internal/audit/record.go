package audit

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jwtgate/jwtgate/internal/gate"
)

// Record is one decision as it is written down, remembered and explained later:
// the line of the log and the answer of /decisions/ID are the same record. It
// holds no token and no query.
type Record struct {
	Time      time.Time `json:"time"`
	Decision  string    `json:"decision"`
	RequestID string    `json:"request_id"`
	Route     string    `json:"route"`
	// Further are the names of the further rules that the request was held to.
	Further []string     `json:"further,omitempty"`
	Verdict gate.Verdict `json:"verdict"`
	Reason  gate.Reason  `json:"reason"`
	// Shadow is the reason for which the request would have been denied, had it
	// not been let go on without identity.
	Shadow     gate.Reason `json:"shadow"`
	Detail     string      `json:"detail"`
	Mend       string      `json:"mend"`
	Issuer     string      `json:"issuer"`
	Subject    string      `json:"subject"`
	KeyID      string      `json:"kid"`
	Method     string      `json:"method"`
	Host       string      `json:"host"`
	Path       string      `json:"path"`
	Source     string      `json:"source"`
	DurationUS int64       `json:"duration_us"`
	Cached     bool        `json:"cached"`
	Config     string      `json:"config"` // hex SHA-256
}

// texts are the record's texts, for all that treats one like another.
func (r *Record) texts() [16]*string {
	return [...]*string{
		&r.Decision, &r.RequestID, &r.Route, (*string)(&r.Verdict), (*string)(&r.Reason), (*string)(&r.Shadow), &r.Detail, &r.Mend,
		&r.Issuer, &r.Subject, &r.KeyID, &r.Method, &r.Host, &r.Path, &r.Source, &r.Config,
	}
}

// pack appends the record as bytes that hold no pointer: of those that are
// remembered a collection of garbage so looks at none.
func (r *Record) pack(to []byte) []byte {
	further := strings.Join(r.Further, furtherSeparator)
	to = append(binary.AppendUvarint(to, uint64(len(further))), further...)
	for _, text := range r.texts() {
		to = append(binary.AppendUvarint(to, uint64(len(*text))), *text...)
	}
	for _, number := range [...]int64{r.Time.Unix(), int64(r.Time.Nanosecond()), r.DurationUS} {
		to = binary.AppendVarint(to, number)
	}
	return strconv.AppendBool(to, r.Cached)
}

// furtherSeparator stands in no route's name, whose characters can be printed.
const furtherSeparator = "\n"

// unpack reads what pack has written.
func unpack(packed []byte) (r Record) {
	rest := string(packed) // of which the record's texts are parts
	next := func() (text string) {
		size, width := binary.Uvarint([]byte(rest))
		text, rest = rest[width:width+int(size)], rest[width+int(size):]
		return text
	}
	if further := next(); further != "" {
		r.Further = strings.Split(further, furtherSeparator)
	}
	for _, text := range r.texts() {
		*text = next()
	}
	var numbers [3]int64
	for i := range numbers {
		number, width := binary.Varint([]byte(rest))
		numbers[i], rest = number, rest[width:]
	}
	r.Time, r.DurationUS = time.Unix(numbers[0], numbers[1]).UTC(), numbers[2]
	r.Cached = rest == strconv.FormatBool(true)
	return r
}

// record takes a decision down, with what a client wrote cut and cleaned. Its texts
// may be views of the request.
func (l *Log) record(r *gate.Request, d *gate.Decision) Record {
	return Record{
		Time: d.Time.UTC(), Decision: d.ID.String(), RequestID: l.clean(r.Header("x-request-id")),
		Route: d.Route, Further: d.Further, Verdict: d.Verdict, Reason: d.Reason, Shadow: d.Excused,
		Detail: l.clean(d.Detail), Mend: l.clean(d.Mend),
		Issuer: d.Issuer, Subject: l.clean(d.Subject), KeyID: l.clean(d.KeyID),
		Method: l.clean(r.Method), Host: l.clean(r.Host), Path: l.clean(r.Path()), Source: l.clean(r.Source),
		DurationUS: d.Elapsed.Microseconds(), Cached: d.Cached, Config: d.ConfigHash,
	}
}

// attributes appends the record as slog writes it, which adds the time of its own.
func (r *Record) attributes(to []slog.Attr) []slog.Attr {
	to = append(to,
		slog.String("decision", r.Decision),
		slog.String("request_id", r.RequestID),
		slog.String("route", r.Route),
	)
	if len(r.Further) > 0 {
		to = append(to, slog.Any("further", r.Further))
	}
	return append(to,
		slog.String("verdict", string(r.Verdict)),
		slog.String("reason", string(r.Reason)),
		slog.String("shadow", string(r.Shadow)),
		slog.String("detail", r.Detail),
		slog.String("mend", r.Mend),
		slog.String("issuer", r.Issuer),
		slog.String("subject", r.Subject),
		slog.String("kid", r.KeyID),
		slog.String("method", r.Method),
		slog.String("host", r.Host),
		slog.String("path", r.Path),
		slog.String("source", r.Source),
		slog.Int64("duration_us", r.DurationUS),
		slog.Bool("cached", r.Cached),
		slog.String("config", r.Config),
	)
}

// Explain says how the recorded decision came about, as far as the record tells:
// the checks before the one that decided passed.
func (r *Record) Explain() *gate.Explanation {
	id, _ := gate.ParseID(r.Decision)
	d := &gate.Decision{
		ID: id, Time: r.Time, Route: r.Route, Further: r.Further, Verdict: r.Verdict, Reason: r.Reason, Excused: r.Shadow,
		Detail: r.Detail, Mend: r.Mend, Issuer: r.Issuer, Subject: r.Subject, KeyID: r.KeyID,
		ConfigHash: r.Config, Cached: r.Cached,
	}
	if meaning, known := gate.MeaningOf(r.Reason); known && r.Verdict == gate.VerdictAnswer {
		d.Answer = &gate.Answer{Status: meaning.Status}
	} else if known && r.Verdict != gate.VerdictAllow {
		d.Denial = &gate.Denial{Status: meaning.Status, Detail: meaning.Text}
		// Which of a reason's texts it was is not recorded.
		if slices.ContainsFunc(gate.NearTexts(), func(one gate.NearText) bool { return slices.Contains(one.Reasons, r.Reason) }) {
			d.Denial.Detail = ""
		}
	}
	found := map[gate.Stage]string{
		gate.CheckTarget: gate.DescribeTarget(r.Method, r.Host, r.Path),
		gate.CheckRoute:  r.rules(),
		gate.CheckIssuer: r.Issuer,
	}
	if r.KeyID != "" {
		found[gate.CheckHeader] = fmt.Sprintf("kid %q", r.KeyID)
	}
	if r.Subject != "" {
		found[gate.CheckClaims] = fmt.Sprintf("subject %q", r.Subject)
	}
	return &gate.Explanation{Decision: d, Steps: gate.Steps(d, found)}
}

// rules names the rules that the request was held to.
func (r *Record) rules() string {
	if len(r.Further) == 0 {
		return r.Route
	}
	return r.Route + "; held to " + strings.Join(r.Further, ", ") + " too, since an application may read the request otherwise"
}
