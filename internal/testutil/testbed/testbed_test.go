package testbed_test

import (
	"net/http"
	"testing"

	"github.com/jwtgate/jwtgate/internal/devidp"
	"github.com/jwtgate/jwtgate/internal/testutil/testbed"
)

func TestIssuersEndWithTheTest(t *testing.T) {
	var url string
	fetch := func() error {
		answer, err := http.Get(url)
		if err == nil {
			err = answer.Body.Close()
		}
		return err
	}
	t.Run("running", func(t *testing.T) {
		url = testbed.Issuer(t, testbed.Issuers(t), "home", devidp.IssuerConfig{}).JWKSURL()
		if err := fetch(); err != nil {
			t.Error(err)
		}
	})
	if fetch() == nil {
		t.Error("the server still answers")
	}
}
