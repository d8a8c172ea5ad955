package policytest

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// The elements of JUnit XML that CI systems read. Times are in seconds.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`

		elapsed time.Duration
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		File      string        `xml:"file,attr"`
		Line      int           `xml:"line,attr"`
		Time      string        `xml:"time,attr"`
		Failure   *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as JUnit XML, with one suite for each case file. It
// includes the duration of each case, so no two reports are equal.
func (r *Report) WriteJUnit(w io.Writer) error {
	all := junitReport{Name: "jwtgate", Tests: len(r.Results), Failures: r.Failed()}
	var total time.Duration
	for _, one := range r.Results {
		total += one.Elapsed
		i := slices.IndexFunc(all.Suites, func(s junitSuite) bool { return s.Name == one.Pos.File })
		if i < 0 {
			i = len(all.Suites)
			all.Suites = append(all.Suites, junitSuite{Name: one.Pos.File})
		}
		all.Suites[i].add(one)
	}
	all.Time = seconds(total)
	for i := range all.Suites {
		all.Suites[i].Time = seconds(all.Suites[i].elapsed)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report as XML: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+string(data)+"\n")
	return err
}

func (s *junitSuite) add(one Result) {
	c := junitCase{
		Name: one.Name, ClassName: one.Pos.File, File: one.Pos.File, Line: one.Pos.Line, Time: seconds(one.Elapsed),
	}
	s.Tests++
	s.elapsed += one.Elapsed
	if f := one.Failure; f != nil {
		s.Failures++
		first := f.Differences[0]
		c.Failure = &junitFailure{
			Message: fmt.Sprintf("%s: expected %s, got %s", first.What, first.Want, first.Got),
			Type:    first.What,
			Text:    one.Pos.String() + "\n" + strings.Join(f.lines(), "\n"),
		}
	}
	s.Cases = append(s.Cases, c)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
