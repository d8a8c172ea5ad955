package config

import (
	"io/fs"
	"slices"
	"time"

	"github.com/jwtgate/jwtgate/internal/yamlform"
)

// Config is a whole configuration, validated and with all presets and defaults
// applied. It is plain data that does not change after [Load] returns it, so it may
// be read from any goroutine.
//
// Rules that need the knowledge of another package are not checked here: for example,
// package route parses match patterns.
type Config struct {
	Source string // the name of the file, or "environment"
	Hash   string // lower-case hex SHA-256 over the bytes of every file read
	// Files are the names and patterns to watch for changes: the file, and the
	// patterns of the files that it includes. It is empty without a file.
	Files  []string
	Server Server
	Admin  Admin
	// CacheDir is the directory in which the last valid keys survive a restart; if it
	// is empty, they are not stored.
	CacheDir string
	Issuers  []Issuer // in file order; Name is unique, and so is every iss value
	Tokens   Tokens
	// Identity is the headers that the application receives, and those that clients
	// may never send.
	Identity Identity
	Routes   []Route // in file order; the first match decides
	Default  Access  // AccessRequired or AccessDeny
	CORS     CORS
	Relax    Relax
	// RevokedFile is the list of revoked tokens; it may be empty.
	RevokedFile string
	Audit       Audit
	// Shadow means that denials are recorded but not enforced. Each route has its own
	// value; this one is for requests that no route matches.
	Shadow bool

	Warnings []Mistake // do not make the file invalid

	include []include
	issuers issuerList
	places  *yamlform.Places // nil without a file
}

// Server is the server that Envoy sends authorization requests to.
type Server struct {
	Listen     string        // host:port, or unix:PATH
	TLS        TLS           // the zero value: none
	SocketMode fs.FileMode   // permission bits of a Unix socket
	DrainDelay time.Duration // time between NOT_SERVING and the closing of connections
	// MaxConnections is the maximum number of open connections.
	MaxConnections int
}

// TLS names the files with which Envoy and the gate authenticate each other. It does
// not prove that the files exist or match.
type TLS struct {
	CertFile, KeyFile string // PEM; both are empty if TLS is off
	// ClientCAFile holds the CAs of client certificates. If it is empty, clients need
	// no certificate.
	ClientCAFile string
	// ClientNames are DNS names and URIs. A client certificate must have one of them.
	// If it is empty, any certificate of the CA is accepted.
	ClientNames []string
}

// Enabled reports whether the gate uses TLS.
func (t TLS) Enabled() bool { return t.CertFile != "" }

// Files returns the files that are set, in no particular order.
func (t TLS) Files() []string {
	return slices.DeleteFunc([]string{t.CertFile, t.KeyFile, t.ClientCAFile}, func(name string) bool { return name == "" })
}

// Admin is the server for operators and probes.
type Admin struct {
	Listen string // host:port
	// Hosts are patterns of [MatchHost] for the Host of a request. IP addresses and
	// loopback names are always allowed.
	Hosts []string
}

// Names reports whether host is one of a.Hosts. It must be in lower case and
// without port and final dot.
func (a Admin) Names(host string) bool {
	return slices.ContainsFunc(a.Hosts, func(pattern string) bool { return MatchHost(pattern, host) })
}

// Issuer is one trusted issuer.
type Issuer struct {
	Name string // the key in the config's issuers map
	Path string // for messages, such as `issuers.cruddur`

	// ISS is every iss value of this issuer's tokens. Discovery uses the first one. A
	// Cognito pool has at least two.
	ISS     []string
	Cognito *Cognito // nil: a generic OIDC issuer
	// Tenants are the tenants of Microsoft Entra whose tokens are accepted, by the iss
	// values of their tokens; nil: the issuer has no tenants, or accepts any. tid must be
	// the tenant.
	Tenants map[string]string // :: iss -> tenant
	// AnyTenant means that each value of ISS is a template for [MatchTenant], and that the
	// tokens of any tenant are accepted.
	AnyTenant bool
	// Prefix is put before the subject, the username claims and every group. {tenant}
	// in it stands for the tenant of a token.
	Prefix    string
	Audiences []string // aud must contain one of them; empty: not checked
	Clients   []string // the token's client must be one of them; empty: not checked

	TokenUse   []string // which kinds are accepted: "access", "id"; never empty
	TokenTypes []string // header typ, when present, must be one of them
	Algorithms []string // never empty, never none or HS*
	// Require is what other claims of a token must have, each with a different name.
	Require []RequiredClaim
	// SubjectClaims and ClientClaims are claim names. The first one that is a non-empty
	// string names the subject or the client, except that client_id and azp must agree.
	SubjectClaims []string
	ClientClaims  []string
	GroupsClaim   []string // claim names; the first one that the token has is used
	ScopesClaim   []string // claim names; the first one that the token has is used

	Leeway time.Duration
	// MaxLifetime is the maximum of exp minus iat. If it is not 0, iat is required.
	MaxLifetime time.Duration
	// BoundAsBearer means that a token bound to a key (cnf) is accepted as a bearer
	// token.
	BoundAsBearer bool
	// EmailAssumed means that an email address counts as verified if the token has no
	// email_verified.
	EmailAssumed bool
	AllowHTTP    bool // plain http to this issuer
	JWKS         JWKS
}

// RequiredClaim is a claim that must have one of the values. If it is an array of strings,
// it must contain one of them.
type RequiredClaim struct {
	Claim  string
	Values []string // never empty
}

// Cognito is the part of an Issuer that only an AWS Cognito user pool has.
type Cognito struct {
	Pool   string // us-west-1_6BpkgoczU
	Region string // us-west-1, as the pool id names it
}

// JWKS is how one issuer's keys are fetched and cached.
type JWKS struct {
	URI  string // if File is empty too, the discovery document names it
	File string // a key set on disk instead of URI
	// Fallbacks are URLs of the same key set. They are asked in this order while URI cannot
	// be fetched.
	Fallbacks []string

	MaxKeys            int // how many keys are held
	RefreshInterval    time.Duration
	UnknownKIDCooldown time.Duration
	MaxStale           time.Duration
	RequestTimeout     time.Duration
	CAFile             string // empty: the CAs of the system
	BearerFile         string // a token that fetches carry; empty: none
	Proxy              string // "none", "environment", or a URL
}

// Tokens is where credentials are read from, and how they are limited.
type Tokens struct {
	From     []TokenSource
	Forward  bool // false: the credential is removed from the request
	MaxBytes int
	// CacheBytes is the memory for the cache of verified tokens; 0 disables it.
	CacheBytes int
}

// SourceKind is a part of a request that can contain a credential.
type SourceKind string

// The parts of a request from which a credential can be read.
const (
	SourceBearer            SourceKind = "bearer"             // Authorization: Bearer, RFC 6750 section 2.1
	SourceCookie            SourceKind = "cookie"             // a cookie, RFC 6265
	SourceHeader            SourceKind = "header"             // a header field with nothing else in it
	SourceWebSocketProtocol SourceKind = "websocket_protocol" // the item after this one in Sec-WebSocket-Protocol, RFC 6455
	SourceQuery             SourceKind = "query"              // a query parameter, RFC 6750 section 2.3
)

// The header fields that can contain more than a credential, in lower case. Any other
// field that a credential is read from contains nothing else.
const (
	FieldAuthorization = "authorization"
	FieldCookie        = "cookie"
	// FieldWebSocketProtocol is the subprotocols of a WebSocket handshake (RFC 6455
	// section 4.1), the only field of it that a script in a browser can set.
	FieldWebSocketProtocol = "sec-websocket-protocol"
)

// TokenSource is one place from which a credential is read.
type TokenSource struct {
	Kind SourceKind
	Name string // of the cookie, header, protocol or parameter; empty for bearer
	// Origins are further origins that may send the cookie with an unsafe request.
	Origins []string
}

// Field returns the header field that contains the credential, in lower case, or ""
// if the credential is in the query.
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

// Identity is the headers that the application receives, and those that clients may
// not send.
type Identity struct {
	// Headers to set, sorted by name.
	Headers []IdentityHeader
	// Removed is the defaults that the file sets to null. They are never set, but
	// still stripped from every request.
	Removed []string
	Strip   []string // further names that clients may never send
	// StripCookies are cookies that the application never receives, whatever the route.
	StripCookies  []CookieName
	MaxValueBytes int // of one encoded header value
	// MaxTotalBytes limits the names and encoded values of all headers together.
	MaxTotalBytes int
}

// IdentityHeader is one header that the application receives.
type IdentityHeader struct {
	Name string // lower case
	// Claims is claim names and derived values ($groups, $scopes, $client, $kind,
	// $issuer, $tenant); the first one that the token has is used.
	Claims []string
}

// Access is what a route requires.
type Access string

// All values of Access.
const (
	AccessPublic   Access = "public"
	AccessOptional Access = "optional"
	AccessRequired Access = "required"
	AccessDeny     Access = "deny"
)

// Route is one match and its requirement. Package route parses Match.
type Route struct {
	Name string // unique; by default the text of Match
	// Path is for messages, such as `routes[2]`, or in an included file
	// `routes.d/shop.yaml: routes[2]`.
	Path string

	Match  string   // [METHOD,...] PATH; empty: Envoy selects the route by name
	Hosts  []string // empty: any
	Access Access
	// AnonymousIfInvalid means that an optional route allows a request with an invalid
	// token without identity instead of denying it.
	AnonymousIfInvalid bool
	TokensFrom         []TokenSource // the route's own, or those of Tokens
	Forward            bool          // the route's own, or that of Tokens
	Requirement        Requirement
	// EndStreamsAtExpiry means that a stream ends when the token expires.
	EndStreamsAtExpiry bool
	Audit              Sampling // the route's own, or that of Audit
	Shadow             bool     // the route's own, or that of Config
}

// Requirement is what a route requires of a valid token. The zero value requires
// nothing.
type Requirement struct {
	Alternative
	// AnyOf is alternatives. If there are any, the token must satisfy one of them in
	// addition to the rest.
	AnyOf []Alternative
	// MaxAuthAge is the maximum age of the login. If it is not 0, auth_time is
	// required.
	MaxAuthAge time.Duration
	ACR        []string // acr must be one of them; empty: not checked
	// When is a condition in CEL, or empty. Package route compiles it.
	When string
}

// Alternative is requirements that a token must all satisfy.
type Alternative struct {
	Issuers []string // names; empty: any configured issuer
	Groups  Choice
	Scopes  Choice
	Clients Choice
}

// Choice requires one value of a list, all values of a list, or both.
type Choice struct {
	Any []string
	All []string
}

// Empty reports whether the choice requires nothing.
func (c Choice) Empty() bool { return len(c.Any) == 0 && len(c.All) == 0 }

// PreflightMode is how the gate treats a CORS preflight.
type PreflightMode string

// The preflight modes.
const (
	PreflightAnswer PreflightMode = "answer" // the gate answers it
	PreflightCheck  PreflightMode = "check"  // it is checked like any request to its route
	PreflightPass   PreflightMode = "pass"   // it is forwarded to the application without a token
)

// CORS is how the gate treats cross-origin requests of browsers (Fetch standard,
// CORS protocol).
type CORS struct {
	// Origins may send requests and read the responses, with cookies if Credentials is
	// true. Each is a web origin as browsers send it.
	Origins     []string
	Credentials bool
	// Methods and Headers are returned in the response to a preflight. If one is
	// empty, the requested ones are returned.
	Methods []string
	Headers []string // in lower case
	MaxAge  time.Duration
	// Preflight is by default answer if there are origins, and check otherwise.
	Preflight PreflightMode
}

// Audit is which decisions are recorded, and where.
type Audit struct {
	Sampling
	To     AuditTarget
	Redact Redact
}

// Redact is what a recorded decision leaves out or replaces. The zero value: nothing.
type Redact struct {
	Fields []RedactField
	Mode   RedactMode
	// KeyFile has the key of the hashes; empty if Mode is omit.
	KeyFile string
}

// RedactField is a field of a recorded decision.
type RedactField string

// The fields that can be redacted.
const (
	RedactSubject RedactField = "subject"
	RedactSource  RedactField = "source"
	RedactPath    RedactField = "path"
)

// RedactMode is how a field is redacted.
type RedactMode string

// The modes of redaction.
const (
	RedactOmit RedactMode = "omit"
	RedactHash RedactMode = "hash"
)

// Sampling is how many decisions are recorded, by verdict.
type Sampling struct {
	Denied, Allowed OneIn
}

// OneIn means that one of N decisions is recorded: 0 records none, 1 records all.
type OneIn int

// AuditTarget is where decisions are recorded.
type AuditTarget string

// The audit targets.
const (
	AuditStderr AuditTarget = "stderr"
	AuditStdout AuditTarget = "stdout"
)
