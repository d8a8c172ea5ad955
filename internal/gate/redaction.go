package gate

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/filewatch"
)

const (
	// minRedactionKey and maxRedactionKey are how many bytes the key of the hashes may
	// have. Subjects and addresses can be guessed, so a hash is only as secret as its key.
	minRedactionKey, maxRedactionKey = 32, 4096
	// redactionHash is how many bytes of a hash are written.
	redactionHash = 16
)

// Redaction is what a recorded decision leaves out or replaces. A nil one is nothing. It
// is safe for concurrent use.
type Redaction struct {
	fields []config.RedactField
	key    []byte // nil: the fields are left out
}

// NewRedaction reads the key of a redaction. It returns nil if nothing is to be redacted.
// No error contains the key.
func NewRedaction(c config.Redact) (*Redaction, error) {
	if len(c.Fields) == 0 {
		return nil, nil
	}
	r := &Redaction{fields: c.Fields}
	if c.Mode != config.RedactHash {
		return r, nil
	}
	file, err := filewatch.OpenRegular(c.KeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("cannot be read: %w; expected a file with at least %d bytes; hint: openssl rand -hex 32 > audit.key",
			err, minRedactionKey)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("cannot be read: %w; hint: let the user or the group of jwtgate read it", err)
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxRedactionKey+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	// An editor and `openssl rand -hex` end the file with a line feed.
	if r.key = bytes.TrimSpace(text); len(r.key) < minRedactionKey || len(text) > maxRedactionKey {
		return nil, fmt.Errorf("has a key of the wrong length: got %d bytes; expected %d to %d; hint: openssl rand -hex 32 > audit.key",
			len(r.key), minRedactionKey, maxRedactionKey)
	}
	return r, nil
}

// readRedaction reads the key of a config's redaction. The error is [config.Mistakes].
func readRedaction(cfg *config.Config) (*Redaction, error) {
	r, err := NewRedaction(cfg.Audit.Redact)
	if err != nil {
		return nil, config.Mistakes{cfg.Mistake("audit.redact.key_file", "audit.redact.key_file %v", err)}
	}
	return r, nil
}

// Fields returns the redacted fields. They must not be changed.
func (r *Redaction) Fields() []config.RedactField {
	if r == nil {
		return nil
	}
	return r.fields
}

// Of returns what is recorded for the value of a field: the value, nothing, or its hash.
// A hash does not show that two fields have the same value.
func (r *Redaction) Of(field config.RedactField, value string) string {
	switch {
	case value == "" || !slices.Contains(r.Fields(), field):
		return value
	case r.key == nil:
		return ""
	}
	hash := hmac.New(sha256.New, r.key)
	_, _ = io.WriteString(hash, string(field)+"\x00"+value) // a hash returns no error
	return "hmac-sha256:" + hex.EncodeToString(hash.Sum(nil)[:redactionHash])
}
