package gate

import (
	"errors"
	"fmt"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/revocation"
)

// readRevoked reads the list of revoked tokens; nil if no file is configured. The error is
// [config.Mistakes].
func readRevoked(cfg *config.Config) (*revocation.List, error) {
	if cfg.RevokedFile == "" {
		return nil, nil
	}
	file, err := filewatch.OpenRegular(cfg.RevokedFile)
	if err != nil {
		const text = "revoked.file cannot be read: %v; expected the path of a file of JSON lines, which may be empty"
		return nil, config.Mistakes{cfg.Mistake("revoked.file", text, err)}
	}
	defer file.Close()
	list, err := revocation.Parse(file, cfg.IssuerNames())
	var lines revocation.LineErrors
	switch {
	case errors.As(err, &lines):
		mistakes := make(config.Mistakes, len(lines))
		for i, line := range lines {
			mistakes[i] = config.Mistake{Pos: config.Pos{File: cfg.RevokedFile, Line: line.Line, Column: 1}, Text: line.Text}
		}
		return nil, mistakes
	case err != nil:
		return nil, config.Mistakes{{Pos: config.Pos{File: cfg.RevokedFile}, Text: fmt.Sprintf("cannot be read: %v", err)}}
	}
	return list, nil
}

// ReloadRevoked reads the list of revoked tokens of the current configuration again. The
// new list applies at once, also to cached tokens. After an error ([config.Mistakes]) the
// previous list stays in use. It is safe for concurrent use.
func (g *Gate) ReloadRevoked() error {
	g.swapping.Lock()
	defer g.swapping.Unlock()
	p := g.policy.Load()
	list, err := readRevoked(p.cfg)
	if err != nil {
		return err
	}
	g.revokedReads.Add(1)
	p.verifier.SetRevocations(list)
	return nil
}

// Remembered returns the approximate number of cached tokens.
func (g *Gate) Remembered() int { return g.policy.Load().tokens.Len() }

// Revoked returns the number of values in the list of revoked tokens. Several lines for
// one value count once.
func (g *Gate) Revoked() int { return g.policy.Load().verifier.Revoked() }
