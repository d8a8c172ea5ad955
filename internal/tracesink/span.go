package tracesink

import (
	"encoding/hex"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Span is a received span.
type Span struct {
	Name                    string
	TraceID, SpanID, Parent string // hexadecimal; a root has no parent
	State                   string // tracestate
	Kind                    string // such as SPAN_KIND_SERVER
	Status, Message         string // such as STATUS_CODE_ERROR
	Began, Ended            time.Time
	Attributes              map[string]any
	Resource                map[string]any // the attributes of its resource
	Scope                   string
}

// spansOf returns the spans of a batch.
func spansOf(batch *collector.ExportTraceServiceRequest) []Span {
	var all []Span
	for _, of := range batch.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				all = append(all, span(s, of.GetResource().GetAttributes(), scope.GetScope().GetName()))
			}
		}
	}
	return all
}

func span(s *trace.Span, resource []*common.KeyValue, scope string) Span {
	return Span{
		Name: s.GetName(), TraceID: hex.EncodeToString(s.GetTraceId()), SpanID: hex.EncodeToString(s.GetSpanId()),
		Parent: hex.EncodeToString(s.GetParentSpanId()), State: s.GetTraceState(), Kind: s.GetKind().String(),
		Status: s.GetStatus().GetCode().String(), Message: s.GetStatus().GetMessage(),
		Began: time.Unix(0, int64(s.GetStartTimeUnixNano())), Ended: time.Unix(0, int64(s.GetEndTimeUnixNano())),
		Attributes: attributes(s.GetAttributes()), Resource: attributes(resource), Scope: scope,
	}
}

func attributes(list []*common.KeyValue) map[string]any {
	all := make(map[string]any, len(list))
	for _, one := range list {
		switch value := one.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			all[one.GetKey()] = value.StringValue
		case *common.AnyValue_BoolValue:
			all[one.GetKey()] = value.BoolValue
		case *common.AnyValue_IntValue:
			all[one.GetKey()] = value.IntValue
		case *common.AnyValue_DoubleValue:
			all[one.GetKey()] = value.DoubleValue
		default:
			all[one.GetKey()] = one.GetValue().String()
		}
	}
	return all
}
