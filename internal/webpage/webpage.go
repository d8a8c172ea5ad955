// Package webpage renders the HTML pages of the demo and of its issuer, all with one
// style sheet. The pages have no scripts, are readable on a phone, and follow the
// browser's choice of a light or dark color scheme.
//
// Security invariants:
//
//  1. A page loads nothing and runs no script: its Content-Security-Policy allows only
//     its own style sheet, and no other page can frame it (TestPolicyAllowsTheStyleOnly).
//  2. Data in a page is escaped (TestDataIsEscaped).
package webpage

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

//go:embed style.css
var style string

//go:embed base.html
var base string

// Template is a page. Its zero value is not valid; use [Parse].
type Template struct {
	html *template.Template
}

// Parse parses the body of a page, in the language of html/template.
func Parse(body string) (Template, error) {
	html, err := template.New("page").Parse(base)
	if err == nil {
		_, err = html.New("body").Parse(body)
	}
	if err != nil {
		return Template{}, fmt.Errorf("parse a page: %w", err)
	}
	return Template{html}, nil
}

// Write responds with the page. formTargets are origins, in addition to the page's own, to
// which the answer of a form on the page may redirect. Write ignores an error of the
// connection, which means that the client has disconnected.
func (t Template) Write(w http.ResponseWriter, status int, title string, data any, formTargets ...string) {
	var page bytes.Buffer
	err := t.html.Execute(&page, map[string]any{"Title": title, "Style": template.CSS(style), "Data": data})
	if err != nil {
		http.Error(w, "cannot render the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	hash := sha256.Sum256([]byte(style))
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin") // not no-referrer, with which a form sends Origin: null
	header.Set("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'sha256-"+
		base64.StdEncoding.EncodeToString(hash[:])+"'; base-uri 'none'; frame-ancestors 'none'; form-action "+
		strings.Join(append([]string{"'self'"}, formTargets...), " "))
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}
