package config

import (
	"io/fs"
	"slices"
	"time"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Config is a whole configuration, validated in itself and with every preset
// and default filled in. It is plain data: nothing in it is changed after
// [Load] returns it, so it may be read from any goroutine.
//
// What needs another package's knowledge is not checked here: whether a match
// pattern parses is the business of package route.
type Config struct {
	Source string // the file as it was named, or "environment"
	Hash   string // lower-case hex SHA-256 over the bytes of every file read
	// Files are what a change of the configuration is a change of: the file,
	// and the patterns of the files that it includes. Empty without a file.
	Files  []string
	Server Server
	Admin  Admin
	// CacheDir is where last-good keys survive a restart; empty: not kept.
	CacheDir string
	Issuers  []Issuer // in file order; Name is unique, and so is every iss value
	Tokens   Tokens
	// Identity says which headers the application gets, and which names
	// clients may never send.
	Identity Identity
	Routes   []Route // in file order; the first match decides
	Default  Access  // AccessRequired or AccessDeny
	CORS     CORS
	Relax    Relax
	// RevokedFile lists tokens that are trusted no longer; empty: none are.
	RevokedFile string
	Audit       Audit
	// Shadow: would-be denials are recorded, not enforced. Each route has it
	// already; here it is that of what no route matches.
	Shadow bool

	Warnings []Mistake // worth saying aloud, but no reason to refuse the file

	include []include
	issuers issuerList
	places  *yamlform.Places // nil without a file
}

// Server is where Envoy reaches the gate.
type Server struct {
	Listen     string        // host:port, or unix:PATH
	TLS        TLS           // the zero value: none
	SocketMode fs.FileMode   // permission bits of a Unix socket
	DrainDelay time.Duration // NOT_SERVING this long before connections close
	// MaxConnections is how many there may be at a time.
	MaxConnections int
}

// TLS names the files by which Envoy and the gate prove who they are. That the
// files are there, and fit each other, is not checked here.
type TLS struct {
	CertFile, KeyFile string // PEM; both, or neither: no TLS
	// ClientCAFile signs the certificates of clients, which then must have one;
	// empty: they need none.
	ClientCAFile string
	// ClientNames are DNS names and URIs, of which a client's certificate must
	// have one; empty: any certificate of the CA.
	ClientNames []string
}

// Enabled tells whether the gate speaks TLS.
func (t TLS) Enabled() bool { return t.CertFile != "" }

// Files are those that are named, in no particular order.
func (t TLS) Files() []string {
	return slices.DeleteFunc([]string{t.CertFile, t.KeyFile, t.ClientCAFile}, func(name string) bool { return name == "" })
}

// Admin is where operators and probes reach the gate.
type Admin struct {
	Listen string // host:port
	// Hosts are names that a request's Host may have. Each is in lower case and
	// without port and final dot, and may begin with "*." for all names below it.
	// IP addresses and loopback names are allowed without being listed.
	Hosts []string
}

// Names reports whether host is one of a.Hosts. It must be in lower case and
// without port and final dot.
func (a Admin) Names(host string) bool {
	return slices.ContainsFunc(a.Hosts, func(pattern string) bool { return MatchHost(pattern, host) })
}

// Issuer is one trusted issuer: who may sign, for whom, with what.
type Issuer struct {
	Name string // the key in the config's issuers map
	Path string // for mistakes and messages, such as `issuers.cruddur`

	// ISS holds every exact iss value that this issuer signs as. The first is
	// the one that discovery begins at. A Cognito pool has at least two.
	ISS     []string
	Cognito *Cognito // nil: a generic OIDC issuer
	// Prefix stands before the subject, the username claims and every group.
	Prefix    string
	Audiences []string // aud must hold one of them; empty: not checked
	Clients   []string // the token's client must be one of them; empty: not checked

	TokenUse    []string // which kinds are accepted: "access", "id"; never empty
	TokenTypes  []string // header typ, when present, must be one of them
	Algorithms  []string // never empty, never none or HS*
	GroupsClaim []string // claim names, the first that is there
	ScopesClaim []string // claim names, the first that is there

	Leeway time.Duration
	// MaxLifetime is how long exp less iat may be, and makes iat required;
	// 0: no limit.
	MaxLifetime time.Duration
	// BoundAsBearer: a token that is bound to a key (cnf) is taken as a bearer
	// token.
	BoundAsBearer bool
	// EmailAssumed: an e-mail address counts as verified where the token does not
	// say (email_verified).
	EmailAssumed bool
	AllowHTTP    bool // plain http to this issuer, opened by name
	JWKS         JWKS
}

// Cognito is what only an AWS Cognito user pool has.
type Cognito struct {
	Pool   string // us-west-1_6BpkgoczU
	Region string // us-west-1, as the pool id names it
}

// JWKS is where one issuer's keys come from and how they are kept.
type JWKS struct {
	URI  string // empty with File empty: from the discovery document
	File string // a key set on disk instead of URI

	RefreshInterval    time.Duration
	UnknownKIDCooldown time.Duration
	MaxStale           time.Duration
	RequestTimeout     time.Duration
	CAFile             string // empty: the system's
	Proxy              string // "none", "environment", or a URL
}

// Tokens says where a credential is read and how long one may be.
type Tokens struct {
	From     []TokenSource
	Forward  bool // false: the credential is removed where it was read
	MaxBytes int
	// CacheBytes is how much memory verified tokens that are remembered may take; 0:
	// none is.
	CacheBytes int
}

// SourceKind is a place in a request that can hold a credential.
type SourceKind string

// The places a credential can be read from.
const (
	SourceBearer            SourceKind = "bearer"             // Authorization: Bearer, RFC 6750 section 2.1
	SourceCookie            SourceKind = "cookie"             // a cookie, RFC 6265
	SourceHeader            SourceKind = "header"             // a header field that holds nothing else
	SourceWebSocketProtocol SourceKind = "websocket_protocol" // the item behind this one in Sec-WebSocket-Protocol, RFC 6455
	SourceQuery             SourceKind = "query"              // a query parameter, RFC 6750 section 2.3
)

// The header fields that hold more than credentials, in lower case. Any other field
// that is read for one holds nothing else.
const (
	FieldAuthorization = "authorization"
	FieldCookie        = "cookie"
	// FieldWebSocketProtocol holds the subprotocols of a WebSocket handshake (RFC
	// 6455 section 4.1), and is the one field that a script in a browser can choose.
	FieldWebSocketProtocol = "sec-websocket-protocol"
)

// TokenSource is one place a credential may stand in.
type TokenSource struct {
	Kind SourceKind
	Name string // of the cookie, header, protocol or parameter; empty for bearer
	// Origins may send the cookie with requests that are not safe although
	// they are other origins than the request's own.
	Origins []string
}

// Field returns the header field that the credential stands in, in lower case, or
// "" if it stands in the query.
func (s TokenSource) Field() string {
	switch s.Kind {
	case SourceBearer:
		return FieldAuthorization
	case SourceCookie:
		return FieldCookie
	case SourceWebSocketProtocol:
		return FieldWebSocketProtocol
	case SourceHeader:
		return s.Name
	default:
		return ""
	}
}

// Identity is what the application is told, and what clients may not claim.
type Identity struct {
	// Headers to set, in the order of their names; a removed default is in
	// Removed.
	Headers []IdentityHeader
	// Removed holds the default names taken out with null: never set, but
	// stripped from every request all the same.
	Removed       []string
	Strip         []string // further names that clients may never send
	MaxValueBytes int      // of one encoded header value
	// MaxTotalBytes is of the names and encoded values of all headers together.
	MaxTotalBytes int
}

// IdentityHeader is one header that the application gets.
type IdentityHeader struct {
	Name string // lower case
	// Claims holds claim names and $-values ($groups, $scopes, $client, $kind,
	// $issuer); the first that is there is used.
	Claims []string
}

// Access is what a route asks for.
type Access string

// The closed list of accesses.
const (
	AccessPublic   Access = "public"
	AccessOptional Access = "optional"
	AccessRequired Access = "required"
	AccessDeny     Access = "deny"
)

// Route is one match and its requirement, as written; package route gives
// Match its meaning.
type Route struct {
	Name string // unique; by default the text of Match
	// Path is for mistakes and messages, such as `routes[2]`, or in an included
	// file `routes.d/shop.yaml: routes[2]`.
	Path string

	Match  string   // [METHOD,...] PATH; empty: reachable by its name only
	Hosts  []string // empty: any
	Access Access
	// AnonymousIfInvalid: on an optional route a token that fails goes on
	// without identity instead of being denied.
	AnonymousIfInvalid bool
	TokensFrom         []TokenSource // the route's own, or those of Tokens
	Forward            bool          // the route's own, or that of Tokens
	Requirement        Requirement
	// EndStreamsAtExpiry: what is streamed to a client ends with its token.
	EndStreamsAtExpiry bool
	Audit              Sampling // the route's own, or that of Audit
	Shadow             bool     // the route's own, or that of the whole gate
}

// Requirement is what a valid token must also show. The zero value asks for
// nothing more.
type Requirement struct {
	Alternative
	// AnyOf are alternatives, of which one must fit beside the rest; empty:
	// nothing more is asked.
	AnyOf []Alternative
	// MaxAuthAge is how long ago the login may be at most, and makes auth_time
	// required; 0: any time.
	MaxAuthAge time.Duration
	ACR        []string // acr must be one of them; empty: not checked
	// When is a condition in CEL, as written; empty: none. Package route gives it
	// its meaning.
	When string
}

// Alternative is what a token must show all of.
type Alternative struct {
	Issuers []string // names; empty: any configured issuer
	Groups  Choice
	Scopes  Choice
	Clients Choice
}

// Choice asks for any one of a list, for all of a list, or for both.
type Choice struct {
	Any []string
	All []string
}

// Empty reports whether the choice asks for nothing.
func (c Choice) Empty() bool { return len(c.Any) == 0 && len(c.All) == 0 }

// PreflightMode says what becomes of a CORS preflight.
type PreflightMode string

// The preflight modes.
const (
	PreflightAnswer PreflightMode = "answer" // the gate answers it
	PreflightCheck  PreflightMode = "check"  // it needs what its route needs
	PreflightPass   PreflightMode = "pass"   // it reaches the application without a token
)

// CORS is how browsers' cross-origin requests are treated (Fetch standard, CORS
// protocol).
type CORS struct {
	// Origins may call, and read the answers; each is a web origin as browsers
	// send it. Credentials: also with cookies.
	Origins     []string
	Credentials bool
	// Methods and Headers are those that a preflight is answered with; empty:
	// those that it asked for.
	Methods []string
	Headers []string // in lower case
	MaxAge  time.Duration
	// Preflight is, unless the file says otherwise, answer where there are
	// origins and check where there are none.
	Preflight PreflightMode
}

// Audit says which decisions are recorded, and where to.
type Audit struct {
	Sampling
	To AuditTarget
}

// Sampling says how many decisions are recorded, by their verdict.
type Sampling struct {
	Denied, Allowed OneIn
}

// OneIn records one of so many decisions: 0 none, 1 each.
type OneIn int

// AuditTarget is where decisions are recorded.
type AuditTarget string

// The audit targets.
const (
	AuditStderr AuditTarget = "stderr"
	AuditStdout AuditTarget = "stdout"
)
