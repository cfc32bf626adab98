package sigv4_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/zot-artifact-store/zas/auth/sigv4"
	"github.com/zot-artifact-store/zas/fault"
)

const crc = "x-amz-checksum-crc32:AAAAAA=="

var (
	firstChunk  = strings.Repeat("a", 10_000)
	secondChunk = strings.Repeat("b", 20_000)
	lastChunk   = "the last chunk may be short"
)

func modes() map[string]upload {
	chunks := []string{firstChunk, secondChunk, lastChunk}
	return map[string]upload{
		"signed chunks":                    {mode: sigv4.StreamingSigned, chunks: chunks},
		"signed chunks and trailer":        {mode: sigv4.StreamingSignedTrailer, chunks: chunks, trailers: []string{crc}},
		"signed chunks and two trailers":   {mode: sigv4.StreamingSignedTrailer, chunks: chunks, trailers: []string{crc, "x-amz-checksum-sha1:eA=="}},
		"signed chunks and no trailer":     {mode: sigv4.StreamingSignedTrailer, chunks: chunks},
		"unsigned chunks and trailer":      {mode: sigv4.StreamingUnsignedTrailer, chunks: chunks, trailers: []string{crc}},
		"unsigned chunks and no trailer":   {mode: sigv4.StreamingUnsignedTrailer, chunks: chunks},
		"an empty object, signed":          {mode: sigv4.StreamingSigned},
		"an empty object, with a trailer":  {mode: sigv4.StreamingSignedTrailer, trailers: []string{crc}},
		"an empty object, unsigned":        {mode: sigv4.StreamingUnsignedTrailer, trailers: []string{crc}},
		"one chunk of exactly the minimum": {mode: sigv4.StreamingSigned, chunks: []string{strings.Repeat("m", 8192), "n"}},
	}
}

func TestChunkedBodies(t *testing.T) {
	for name, u := range modes() {
		t.Run(name, func(t *testing.T) {
			data, body, err := receive(u.request(nil))
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Join(u.chunks, "")
			if data != want || body.Length() != int64(len(want)) || body.Payload() != u.mode {
				t.Errorf("%d bytes, length %d, payload %s", len(data), body.Length(), body.Payload())
			}
			if len(body.TrailerNames()) != len(u.trailers) {
				t.Error("announced:", body.TrailerNames())
			}
			for _, trailer := range u.trailers {
				name, value, _ := strings.Cut(trailer, ":")
				if got := body.Trailer().Get(name); got != value {
					t.Errorf("%s is %q, want %q", name, got, value)
				}
			}
			if n, err := body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Error("after the end:", n, err)
			}
			if _, ok := body.TakeSHA256(); ok {
				t.Error("a chunked body has a hash")
			}
		})
	}
}

// However the bytes arrive and in whatever portions they are read, the result is the same.
func TestChunkedBodiesInPortions(t *testing.T) {
	for name, u := range modes() {
		for _, size := range []int{1, 2, 3, 4095, 4096, 4097, 1 << 20} {
			t.Run(fmt.Sprintf("%s, %d bytes a read", name, size), func(t *testing.T) {
				if size < 4 && testing.Short() {
					t.Skip("slow")
				}
				r := u.request(nil)
				r.Body = io.NopCloser(iotest.DataErrReader(iotest.HalfReader(r.Body)))
				result, err := exampleVerifier().Verify(r)
				if err != nil {
					t.Fatal(err)
				}
				var b strings.Builder
				_, err = io.CopyBuffer(&b, struct{ io.Reader }{result.Body}, make([]byte, size))
				if err != nil || b.String() != strings.Join(u.chunks, "") {
					t.Error(b.Len(), err)
				}
			})
		}
	}
}

func TestAttacksOnChunks(t *testing.T) {
	replace := func(old, replacement string) func(string) string {
		return func(body string) string {
			if !strings.Contains(body, old) {
				panic("no " + old)
			}
			return strings.Replace(body, old, replacement, 1)
		}
	}
	add := func(more string) func(string) string { return func(body string) string { return body + more } }
	const size = "2710" // of firstChunk
	for name, attack := range map[string]struct {
		edit     func(body string) string
		signed   *fault.Code // what the modes with signed chunks report
		unsigned *fault.Code // what the mode without reports
	}{
		"a byte changed":                  {replace("aaaa", "aaba"), fault.ChunkSignatureMismatch, nil},
		"a byte of the last chunk":        {replace("the last", "the lost"), fault.ChunkSignatureMismatch, nil},
		"an empty body":                   {func(string) string { return "" }, fault.Incomplete, fault.Incomplete},
		"no framing":                      {func(string) string { return firstChunk + secondChunk + lastChunk }, fault.ChunkMalformed, fault.ChunkMalformed},
		"cut within a header":             {func(b string) string { return b[:2] }, fault.Incomplete, fault.Incomplete},
		"cut within a chunk":              {func(b string) string { return b[:5_000] }, fault.Incomplete, fault.Incomplete},
		"cut after a chunk":               {func(b string) string { return b[:strings.Index(b, firstChunk)+len(firstChunk)+2] }, fault.Incomplete, fault.Incomplete},
		"the last chunk is missing":       {func(b string) string { return b[:strings.Index(b, "short")+7] }, fault.Incomplete, fault.Incomplete},
		"a line without its end":          {func(b string) string { return strings.TrimSuffix(b, "\r\n\r\n") }, fault.Incomplete, fault.Incomplete},
		"something after the end":         {add("x"), fault.Incomplete, fault.Incomplete},
		"a line after the end":            {add("x\r\n"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a trailer after the end":         {add(crc + "\r\n"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a second body after the end":     {func(b string) string { return b + b }, fault.ChunkMalformed, fault.ChunkMalformed},
		"endless empty lines":             {add(strings.Repeat("\r\n", 100)), fault.ChunkMalformed, fault.ChunkMalformed},
		"an endless line after the end":   {add(strings.Repeat("x", 1<<20)), fault.ChunkMalformed, fault.ChunkMalformed},
		"an endless header":               {func(string) string { return strings.Repeat("0", 1<<20) }, fault.ChunkMalformed, fault.ChunkMalformed},
		"no size":                         {replace(size, ""), fault.ChunkMalformed, fault.ChunkMalformed},
		"a size that is no number":        {replace(size, "27g0"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a negative size":                 {replace(size, "-2710"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a size with a plus":              {replace(size, "+2710"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a size with a prefix":            {replace(size, "0x2710"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a size with an underscore":       {replace(size, "27_10"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a size with a blank":             {replace(size, " 2710"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a size of 64 bits":               {replace(size, "ffffffffffffffff"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a size of 63 bits":               {replace(size, "7fffffffffffffff"), fault.SizeInvalid, fault.SizeInvalid},
		"a size that wraps round":         {replace(size, "10000000000002710"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a size with leading zeros":       {replace(size, "00002710"), nil, nil},
		"a size that is one too large":    {replace(size, "2711"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a size that is one too small":    {replace(size, "270f"), fault.ChunkMalformed, fault.ChunkMalformed},
		"a size of zero":                  {replace(size, "0"), fault.Incomplete, fault.Incomplete},
		"a header that ends in LF":        {replace("\r\n", "\n"), fault.ChunkMalformed, fault.ChunkMalformed},
		"an extension of another name":    {replace(size, size+";chunk-signatura="), fault.ChunkMalformed, fault.ChunkMalformed},
		"a chunk that announces too much": {replace(size, "f2710"), fault.SizeInvalid, fault.SizeInvalid},
	} {
		for _, mode := range []string{sigv4.StreamingSigned, sigv4.StreamingSignedTrailer, sigv4.StreamingUnsignedTrailer} {
			t.Run(name+", "+mode, func(t *testing.T) {
				u := upload{mode: mode, chunks: []string{firstChunk, secondChunk, lastChunk}}
				want := attack.signed
				if mode != sigv4.StreamingSigned {
					u.trailers = []string{crc}
				}
				if mode == sigv4.StreamingUnsignedTrailer {
					want = attack.unsigned
				}
				data, body, err := receive(u.request(attack.edit))
				if want == nil {
					if err != nil {
						t.Error(err)
					}
					return
				}
				mustFail(t, err, want)
				if int64(len(data)) >= body.Length() {
					t.Error("the last byte was handed out")
				}
				if body.Trailer() != nil {
					t.Error("there is a trailer")
				}
			})
		}
	}
}

func TestTheEmptyLineAtTheEnd(t *testing.T) {
	for mode, want := range map[string]*fault.Code{
		sigv4.StreamingSigned: fault.Incomplete, sigv4.StreamingUnsignedTrailer: fault.Incomplete, sigv4.StreamingSignedTrailer: nil,
	} {
		u := upload{mode: mode, chunks: []string{lastChunk}}
		_, _, err := receive(u.request(func(b string) string { return strings.TrimSuffix(b, "\r\n") }))
		if want != nil {
			mustFail(t, err, want)
		} else if err != nil {
			t.Error("a signed trailer proves the end:", err)
		}
	}
}

func TestAttacksOnTheChain(t *testing.T) {
	u := upload{mode: sigv4.StreamingSigned, chunks: []string{firstChunk, firstChunk, lastChunk}}
	const headerSize = len("2710;chunk-signature=\r\n") + 64
	frame := headerSize + len(firstChunk) + 2
	for name, edit := range map[string]func(string) string{
		"two chunks change places":             func(b string) string { return b[frame:2*frame] + b[:frame] + b[2*frame:] },
		"a chunk comes twice":                  func(b string) string { return b[:frame] + b[:frame] + b[2*frame:] },
		"a chunk is left out and its size too": func(b string) string { return b[:frame] + b[2*frame:] },
		"a signature is in upper case":         func(b string) string { return strings.Replace(b, b[21:85], strings.ToUpper(b[21:85]), 1) },
		"a signature is short":                 func(b string) string { return b[:84] + b[85:] },
		"a signature is long":                  func(b string) string { return b[:84] + "0" + b[84:] },
		"a signature is empty":                 func(b string) string { return b[:21] + b[85:] },
		"a signature is missing":               func(b string) string { return b[:4] + b[85:] },
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := receive(u.request(edit))
			if !errors.Is(err, fault.ChunkSignatureMismatch) && !errors.Is(err, fault.ChunkMalformed) {
				t.Error(err)
			}
		})
	}
	t.Run("the chunks of another request do not fit", func(t *testing.T) {
		var recorded string
		u.request(func(body string) string { recorded = body; return body })
		other := u
		other.headers = []string{"X-Amz-Meta-Other: 1"}
		_, _, err := receive(other.request(func(string) string { return recorded }))
		mustFail(t, err, fault.ChunkSignatureMismatch)
	})
	t.Run("signatures in a mode without them are refused", func(t *testing.T) {
		var recorded string
		u.request(func(body string) string { recorded = body; return body })
		other := u
		other.mode = sigv4.StreamingUnsignedTrailer
		_, _, err := receive(other.request(func(string) string { return recorded }))
		mustFail(t, err, fault.ChunkMalformed)
	})
}

func TestAttacksOnTheTrailer(t *testing.T) {
	const signature = "x-amz-trailer-signature:"
	insert := func(line string) func(string) string {
		return func(b string) string { return strings.Replace(b, crc, line, 1) }
	}
	for name, attack := range map[string]struct {
		edit     func(string) string
		signed   *fault.Code
		unsigned *fault.Code
	}{
		"a value changed":                 {insert("x-amz-checksum-crc32:BBBBBB=="), fault.ChunkSignatureMismatch, nil},
		"an announced trailer is missing": {func(b string) string { return strings.Replace(b, crc+"\r\n", "", 1) }, fault.TrailerMalformed, fault.TrailerMalformed},
		"an announced trailer is empty":   {insert("x-amz-checksum-crc32:"), fault.TrailerMalformed, fault.TrailerMalformed},
		"it comes twice":                  {insert(crc + "\r\n" + crc), fault.ChunkMalformed, fault.TrailerMalformed},
		"it comes with another value too": {insert(crc + "\r\nX-Amz-Checksum-Crc32:BBBBBB=="), fault.ChunkMalformed, fault.TrailerMalformed},
		"one that was not announced":      {insert(crc + "\r\nx-amz-checksum-sha1:eA=="), fault.ChunkMalformed, fault.TrailerMalformed},
		"one that is a header":            {insert(crc + "\r\nx-amz-acl:public-read"), fault.ChunkMalformed, fault.TrailerMalformed},
		"one without a colon":             {insert("x-amz-checksum-crc32"), fault.TrailerMalformed, fault.TrailerMalformed},
		"one with a blank in its name":    {insert("x-amz-checksum-crc32 :AAAAAA=="), fault.TrailerMalformed, fault.TrailerMalformed},
		"a very long one":                 {insert(crc + strings.Repeat("A", 1<<20)), fault.ChunkMalformed, fault.ChunkMalformed},
		"a signature too many":            {func(b string) string { return b[:len(b)-2] + signature + strings.Repeat("0", 64) + "\r\n\r\n" }, fault.ChunkMalformed, fault.TrailerMalformed},
		"no signature":                    {func(b string) string { return strings.Split(b, signature)[0] + "\r\n" }, fault.ChunkSignatureMismatch, nil},
		"something after the signature":   {func(b string) string { return b[:len(b)-2] + crc + "\r\n\r\n" }, fault.ChunkMalformed, fault.TrailerMalformed},
	} {
		for _, mode := range []string{sigv4.StreamingSignedTrailer, sigv4.StreamingUnsignedTrailer} {
			t.Run(name+", "+mode, func(t *testing.T) {
				u := upload{mode: mode, chunks: []string{lastChunk}, trailers: []string{crc}}
				_, _, err := receive(u.request(attack.edit))
				want := attack.signed
				if mode == sigv4.StreamingUnsignedTrailer {
					want = attack.unsigned
				}
				if want == nil {
					if err != nil {
						t.Error(err)
					}
					return
				}
				mustFail(t, err, want)
			})
		}
	}
	for name, announce := range map[string]string{
		"announcing something else than a checksum": "x-amz-acl",
		"announcing a header of HTTP":               "content-type",
		"announcing a name twice":                   "x-amz-checksum-crc32,x-amz-checksum-crc32",
		"announcing an empty name":                  "x-amz-checksum-crc32,",
		"announcing too many":                       "x-amz-checksum-1,x-amz-checksum-2,x-amz-checksum-3,x-amz-checksum-4,x-amz-checksum-5,x-amz-checksum-6,x-amz-checksum-7,x-amz-checksum-8,x-amz-checksum-9",
	} {
		t.Run(name, func(t *testing.T) {
			u := upload{mode: sigv4.StreamingUnsignedTrailer, chunks: []string{lastChunk}, announce: announce}
			_, _, err := receive(u.request(nil))
			mustFail(t, err, fault.BadRequest)
		})
	}
	t.Run("announcing a trailer in a mode without is refused", func(t *testing.T) {
		u := upload{mode: sigv4.StreamingSigned, chunks: []string{lastChunk}, announce: "x-amz-checksum-crc32"}
		_, _, err := receive(u.request(nil))
		mustFail(t, err, fault.BadRequest)
	})
}

func TestTheLineEndsOfMinioGo(t *testing.T) {
	for _, mode := range []string{sigv4.StreamingSignedTrailer, sigv4.StreamingUnsignedTrailer} {
		u := upload{mode: mode, chunks: []string{lastChunk}, trailers: []string{crc}}
		data, body, err := receive(u.request(func(b string) string { return strings.Replace(b, crc+"\r\n", crc+"\n\r\n", 1) }))
		if err != nil || data != lastChunk || body.Trailer().Get("x-amz-checksum-crc32") != "AAAAAA==" {
			t.Error(mode, data, err)
		}
	}
}

func TestTheDecodedLengthHasToBeTrue(t *testing.T) {
	for _, mode := range []string{sigv4.StreamingSigned, sigv4.StreamingUnsignedTrailer} {
		total := len(firstChunk) + len(lastChunk)
		for declared, want := range map[int]*fault.Code{
			total - 1: fault.SizeInvalid, total + 1: fault.Incomplete, 1: fault.SizeInvalid, 1 << 40: fault.Incomplete,
		} {
			t.Run(fmt.Sprintf("%d bytes declared, %s", declared, mode), func(t *testing.T) {
				u := upload{mode: mode, chunks: []string{firstChunk, lastChunk}, declared: declared}
				_, _, err := receive(u.request(nil))
				mustFail(t, err, want)
			})
		}
		for _, declared := range []string{"-1", "", "1e3", "0x10", "9223372036854775808", " 5"} {
			t.Run(fmt.Sprintf("%q declared, %s", declared, mode), func(t *testing.T) {
				r := signed(http.MethodPut, exampleURL, nil, "X-Amz-Decoded-Content-Length: "+declared)
				sigv4.Sign(r, exampleCredentials, "us-east-1", exampleTime, mode)
				_, _, err := receive(r)
				mustFail(t, err, fault.LengthRequired)
			})
		}
		t.Run("nothing declared, "+mode, func(t *testing.T) {
			r := newRequest(http.MethodPut, exampleURL, nil)
			sigv4.Sign(r, exampleCredentials, "us-east-1", exampleTime, mode)
			_, _, err := receive(r)
			mustFail(t, err, fault.LengthRequired)
		})
	}
}

func TestSmallChunks(t *testing.T) {
	for _, mode := range []string{sigv4.StreamingSigned, sigv4.StreamingUnsignedTrailer} {
		u := upload{mode: mode, chunks: []string{strings.Repeat("s", 8191), lastChunk}}
		t.Run("a small chunk before the last is refused, "+mode, func(t *testing.T) {
			_, _, err := receive(u.request(nil))
			mustFail(t, err, fault.ChunkSizeInvalid)
		})
		t.Run("it is accepted on request, "+mode, func(t *testing.T) {
			v := exampleVerifier()
			v.SmallChunks = true
			result, err := v.Verify(u.request(nil))
			if err != nil {
				t.Fatal(err)
			}
			if data, err := io.ReadAll(result.Body); err != nil || string(data) != strings.Join(u.chunks, "") {
				t.Error(len(data), err)
			}
		})
	}
}

// A reader that stops at the declared length must not miss that the body is wrong.
func TestTheLastByteComesAfterTheProof(t *testing.T) {
	u := upload{mode: sigv4.StreamingSignedTrailer, chunks: []string{lastChunk}, trailers: []string{crc}}
	tamper := func(b string) string {
		head, tail, _ := strings.Cut(b, "x-amz-trailer-signature:")
		return head + "x-amz-trailer-signature:" + string(tail[0]^1) + tail[1:]
	}
	result, err := exampleVerifier().Verify(u.request(tamper))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.ReadFull(result.Body, make([]byte, len(lastChunk)))
	mustFail(t, err, fault.ChunkSignatureMismatch)
}
