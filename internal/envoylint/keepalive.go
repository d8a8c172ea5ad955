package envoylint

import (
	"time"

	"github.com/jwtgate/jwtgate/internal/quote"
)

// longestIdle is an idle timeout by which Envoy closes a connection before any common
// application server does. gunicorn is the first, after 2 s.
const longestIdle = time.Second

// keepAlive notes the clusters of a hop whose idle connections the application may close
// first. A request that Envoy sends at that moment fails, and Envoy cannot retry it.
func (l *linter) keepAlive(h hop) {
	for _, name := range l.destinations(h.cluster(), true, map[string]bool{}) {
		cluster, ok := l.clusters[name]
		if !ok {
			continue
		}
		common := cluster.options().get("common_http_protocol_options")
		if !cluster.options().there() {
			common = cluster.get("common_http_protocol_options") // the older place
		}
		at := common.get("idle_timeout")
		idle := at.duration(time.Hour) // Envoy's default
		if idle > 0 && idle <= longestIdle || common.get("max_requests_per_connection").number(0) == 1 {
			continue
		}
		kept := "without limit"
		if idle > 0 {
			kept = "for " + quote.Duration(idle)
		}
		l.report("keep-alive", at, "Envoy keeps idle connections to %s %s", name, kept)
	}
}
