//go:build apps

package apps

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// request is a request as a client writes it. The tests send its bytes as they
// are, so it can be one that no HTTP library would send.
type request struct {
	method, target, host string
	headers              []string // "name: value", in this order
	body                 string
}

// names reports whether the request has a header of this name, spelled so.
func (r request) names(name string) bool {
	return slices.ContainsFunc(r.headers, func(header string) bool { return strings.HasPrefix(header, name+":") })
}

// answer is what came back. A status of 0 means that the server closed the
// connection or reset the stream without an answer.
type answer struct {
	status int
	body   string
}

// reason returns why the gate denied the request, "" if the gate did not.
func (a answer) reason() string {
	var problem struct {
		Reason   string `json:"reason"`
		Decision string `json:"decision"`
	}
	if json.Unmarshal([]byte(a.body), &problem) != nil || problem.Decision == "" {
		return ""
	}
	return problem.Reason
}

// clientTimeout bounds one exchange.
const clientTimeout = 10 * time.Second

// dial opens a connection that is closed at the latest after clientTimeout.
func dial(address string) (net.Conn, error) {
	connection, err := net.DialTimeout("tcp", address, clientTimeout)
	if err != nil {
		return nil, err
	}
	return connection, connection.SetDeadline(time.Now().Add(clientTimeout))
}

// sendHTTP1 sends the request over HTTP/1.1, byte for byte.
func sendHTTP1(address string, r request) (answer, error) {
	connection, err := dial(address)
	if err != nil {
		return answer{}, err
	}
	defer connection.Close()
	lines := []string{r.method + " " + r.target + " HTTP/1.1", "host: " + r.host}
	lines = append(lines, r.headers...)
	if r.body != "" {
		lines = append(lines, "content-length: "+strconv.Itoa(len(r.body)))
	}
	if !r.names("connection") {
		lines = append(lines, "connection: close")
	}
	lines = append(lines, "", r.body)
	if _, err := io.WriteString(connection, strings.Join(lines, "\r\n")); err != nil {
		return answer{}, refusal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: strings.ToUpper(r.method)})
	if err != nil {
		return answer{}, refusal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, body: string(body)}, refusal(err)
}

// refusal returns nil for an error that means that the server closed the
// connection, and any other error, such as a timeout, as it is.
func refusal(err error) error {
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return nil
}

// sendHTTP2 sends the request over HTTP/2 with prior knowledge, frame by frame.
// A body is sent without content-length.
func sendHTTP2(address string, r request) (answer, error) {
	connection, err := dial(address)
	if err != nil {
		return answer{}, err
	}
	defer connection.Close()
	framer := http2.NewFramer(connection, bufio.NewReader(connection))
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := writeHTTP2(connection, framer, r); err != nil {
		return answer{}, refusal(err)
	}
	return readHTTP2(framer)
}

// writeHTTP2 sends the preface and the request on stream 1.
func writeHTTP2(connection io.Writer, framer *http2.Framer, r request) error {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	fields := []string{":method: " + r.method, ":scheme: http", ":authority: " + r.host, ":path: " + r.target}
	for _, field := range append(fields, r.headers...) {
		name, value, _ := strings.Cut(field[1:], ":")
		name = strings.ToLower(field[:1] + name)
		if err := encoder.WriteField(hpack.HeaderField{Name: name, Value: strings.TrimPrefix(value, " ")}); err != nil {
			return err
		}
	}
	_, err := io.WriteString(connection, http2.ClientPreface)
	err = errors.Join(err, framer.WriteSettings(), framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: r.body == "",
	}))
	if r.body != "" {
		err = errors.Join(err, framer.WriteData(1, true, []byte(r.body)))
	}
	return err
}

// readHTTP2 reads frames until the answer on stream 1 is whole.
func readHTTP2(framer *http2.Framer) (answer, error) {
	var got answer
	for range 1000 {
		frame, err := framer.ReadFrame()
		if err != nil {
			return answer{}, refusal(err)
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				if err := framer.WriteSettingsAck(); err != nil {
					return answer{}, refusal(err)
				}
			}
		case *http2.MetaHeadersFrame:
			if status := f.PseudoValue("status"); status != "" {
				if got.status, err = strconv.Atoi(status); err != nil {
					return answer{}, err
				}
			}
			if f.StreamEnded() {
				return got, nil
			}
		case *http2.DataFrame:
			got.body += string(f.Data())
			if f.StreamEnded() {
				return got, nil
			}
		case *http2.RSTStreamFrame:
			if got.status == 0 || f.ErrCode != http2.ErrCodeNo {
				return answer{}, nil
			}
			return got, nil
		case *http2.GoAwayFrame:
			return got, nil
		}
	}
	return answer{}, errors.New("the answer has more than 1000 frames")
}
