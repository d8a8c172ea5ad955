package gate

import (
	"errors"
	"fmt"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/filewatch"
	"github.com/jwtgate/jwtgate/internal/token"
)

// readRevoked reads the list of what is revoked; none is configured: nil. The
// error is [config.Mistakes].
func readRevoked(cfg *config.Config) (*token.Revocations, error) {
	if cfg.RevokedFile == "" {
		return nil, nil
	}
	file, err := filewatch.OpenRegular(cfg.RevokedFile)
	if err != nil {
		return nil, config.Mistakes{cfg.Mistake("revoked.file", "revoked.file cannot be read: %v; write the path of a file of JSON lines, which may be empty", err)}
	}
	defer file.Close()
	list, err := token.ParseRevocations(file, cfg.IssuerNames())
	var lines token.LineErrors
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

// ReloadRevoked reads the live config's list of what is revoked anew, and puts
// it in force at once, for remembered tokens too. On an error ([config.Mistakes])
// the list that was in force stays. It is safe for concurrent use.
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

// Remembered returns about how many verified tokens are remembered.
func (g *Gate) Remembered() int { return g.policy.Load().tokens.Len() }

// Revoked returns how many values the list of what is revoked holds; two lines for
// one value count once.
func (g *Gate) Revoked() int { return g.policy.Load().verifier.Revoked() }
