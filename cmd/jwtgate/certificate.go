package main

import (
	"context"
	"errors"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/filewatch"
)

// tlsFiles are the files that server.tls names.
func tlsFiles(t config.TLS) extauthz.TLSFiles {
	return extauthz.TLSFiles{Cert: t.CertFile, Key: t.KeyFile, ClientCA: t.ClientCAFile, ClientNames: t.ClientNames}
}

// certificateMistakes are what is wrong with the files that server.tls names, each
// at the place that names the file.
func certificateMistakes(cfg *config.Config) config.Mistakes {
	if t := cfg.Server.TLS; t.CertFile == "" || t.KeyFile == "" {
		return nil // no TLS, or a mistake already
	}
	_, err := extauthz.ReadCertificates(tlsFiles(cfg.Server.TLS))
	var mistakes config.Mistakes
	for _, err := range joined(err) {
		path := "server.tls"
		var fault *extauthz.FileError
		if errors.As(err, &fault) {
			path, err = path+"."+fault.Key, fault.Err
		}
		mistakes = append(mistakes, cfg.Mistake(path, "%s: %v", path, err))
	}
	return mistakes
}

// joined are the errors that were joined to one, or that one alone.
func joined(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// openCertificates reads the certificates that server.tls names, if it is there,
// and has them followed.
func (s *server) openCertificates() (err error) {
	t := s.cfg.Server.TLS
	if !t.Enabled() {
		return nil
	}
	// Watched before they are read, so that no change is missed.
	s.certificate = newFollower("certificate", "the server's certificate", s.logger, filewatch.New, t.Files()...)
	s.certificate.count = s.metrics.CertificateRead
	if s.certificates, err = extauthz.ReadCertificates(tlsFiles(t)); err != nil {
		return err
	}
	s.certificate.followCertificates(s.certificates)
	s.metrics.RegisterCertificate(s.certificates.Expires)
	return nil
}

// followCertificates keeps certificates at what their files hold. Which files
// these are is settled at the start.
func (f *follower) followCertificates(c *extauthz.Certificates) {
	f.load = func(context.Context) (func(), error) {
		if err := c.Reload(); err != nil {
			return nil, err
		}
		return func() { f.logger.Info(f.what+" was read", "expires", c.Expires()) }, nil
	}
}
