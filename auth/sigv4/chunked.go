package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
)

const (
	// minChunk is the least size of every chunk but the last ("Transferring Payload in Multiple Chunks", section
	// "Defining the Chunk Body").
	minChunk = 8 << 10
	// maxLine bounds the header of a chunk and each trailer. It is also the read buffer: reads of at least this size go
	// past it, directly into the caller's memory.
	maxLine     = 4 << 10
	maxTrailers = 8
	// maxBlankLines bounds the empty lines at the end. One is due; minio-go sends up to three.
	maxBlankLines = 4

	chunkSignatureName   = ";chunk-signature="
	trailerSignatureName = "x-amz-trailer-signature"
)

// chunked decodes the aws-chunked framing: `SIZE[;chunk-signature=SIGNATURE] CRLF data CRLF` for each chunk, the last of
// which is empty, then trailers, then an empty line, then nothing.
type chunked struct {
	r         *bufio.Reader
	left      int64 // of x-amz-decoded-content-length, still to come
	chunk     int64 // of the current chunk, still to come
	signature []byte
	signer    *chunkSigner // nil when chunks are not signed
	announced []string
	trailer   http.Header
	small     bool  // a chunk below minChunk has been seen: it has to be the last
	count     int   // of the chunks so far
	chunkSize int64 // of the current chunk
	err       error

	smallChunks bool
}

func newChunked(src io.Reader, length int64, announced []string) *chunked {
	return &chunked{r: bufio.NewReaderSize(src, maxLine), left: length, announced: announced, trailer: http.Header{}}
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.err != nil || len(p) == 0 {
		return 0, c.err
	}
	n, err := c.read(p)
	c.err = err
	if err != nil && !errors.Is(err, io.EOF) {
		n = 0 // withhold the last bytes
	}
	return n, err
}

func (c *chunked) read(p []byte) (int, error) {
	if c.chunk == 0 {
		if err := c.nextChunk(); err != nil { // io.EOF after the last
			return 0, err
		}
	}
	if int64(len(p)) > c.chunk {
		p = p[:c.chunk]
	}
	n, err := c.r.Read(p)
	c.chunk -= int64(n)
	c.left -= int64(n)
	if c.signer != nil {
		c.signer.hash.Write(p[:n])
	}
	if err != nil {
		return n, cut(err)
	}
	if c.chunk > 0 {
		return n, nil
	}
	if err := c.endChunk(); err != nil {
		return n, err
	}
	if c.left == 0 { // prove the rest before the last byte is handed out
		return n, c.nextChunk()
	}
	return n, nil
}

// nextChunk reads the header of a chunk, and everything after it if it is the last; then it reports io.EOF.
func (c *chunked) nextChunk() error {
	size, err := c.readHeader()
	if err != nil {
		return err
	}
	switch {
	case size == 0 && c.left > 0:
		return fault.Incomplete
	case size == 0:
		return c.finish()
	case size > c.left:
		return c.tooMuch(size)
	case c.small:
		return fault.Tell(fault.ChunkSizeInvalid, fault.Fact{Name: "Chunk", Value: strconv.Itoa(c.count)},
			fault.Fact{Name: "BadChunkSize", Value: strconv.FormatInt(c.chunkSize, 10)})
	}
	c.small = size < minChunk && !c.smallChunks
	c.chunk, c.chunkSize = size, size
	c.count++
	return nil
}

// tooMuch tells more bytes than were declared apart from a size that is not that of its chunk, where looking costs little.
func (c *chunked) tooMuch(size int64) error {
	const little = 64 << 10
	if size <= little {
		if _, err := c.r.Discard(int(size)); err != nil {
			return cut(err)
		}
		if err := c.endLine(); err != nil {
			return err
		}
	}
	return fault.SizeInvalid
}

func (c *chunked) readHeader() (size int64, err error) {
	line, err := c.readLine()
	if err != nil {
		return 0, err
	}
	line, crlf := bytes.CutSuffix(line, []byte("\r\n"))
	if !crlf {
		return 0, fault.ChunkMalformed.Detail("the header of a chunk does not end with CRLF")
	}
	digits, signature, signed := bytes.Cut(line, []byte(chunkSignatureName))
	if signed != (c.signer != nil) {
		return 0, fault.ChunkMalformed.Detail("chunk signatures have to be there exactly when x-amz-content-sha256 says so")
	}
	size, ok := parseHex(digits)
	if !ok {
		return 0, fault.ChunkMalformed.Detail("the size of a chunk is not a hexadecimal number")
	}
	if signed && len(signature) != hex.EncodedLen(sha256.Size) {
		return 0, fault.ChunkMalformed.Detail("the signature of a chunk does not have 64 digits")
	}
	c.signature = append(c.signature[:0], signature...) // the line is gone with the next read
	return size, nil
}

// readLine returns a line with its end. It is valid until the next read.
func (c *chunked) readLine() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fault.ChunkMalformed.Detail("a line is longer than %d bytes", maxLine)
	}
	if err != nil {
		return nil, cut(err)
	}
	return line, nil
}

// endChunk reads what follows the data of a chunk and verifies its signature.
func (c *chunked) endChunk() error {
	if err := c.endLine(); err != nil {
		return err
	}
	return c.verifyChunk()
}

func (c *chunked) endLine() error {
	end, err := c.r.Peek(2)
	if err != nil {
		return cut(err)
	}
	if string(end) != "\r\n" {
		return fault.ChunkMalformed.Detail("a chunk is longer than its header says")
	}
	_, err = c.r.Discard(len(end))
	return err
}

// cut is incomplete for a body that ended within its framing.
func cut(err error) error {
	if err = incomplete(err); errors.Is(err, fault.Incomplete) {
		return &fault.Error{Code: fault.Incomplete, Message: "The request body terminated unexpectedly", Cause: io.ErrUnexpectedEOF}
	}
	return err
}

func (c *chunked) verifyChunk() error {
	if c.signer == nil || c.signer.verifyChunk(c.signature) {
		return nil
	}
	return fault.ChunkSignatureMismatch
}

// finish deals with everything after the header of the last chunk.
func (c *chunked) finish() error {
	if err := c.verifyChunk(); err != nil {
		return err
	}
	signature, err := c.readTrailer()
	if err != nil {
		return err
	}
	for _, name := range c.announced {
		if c.trailer.Get(name) == "" {
			return fault.TrailerMalformed.Detail("the trailer %s was announced and is missing", name)
		}
	}
	if c.signer != nil && c.signer.trailer && !c.signer.verifyTrailer(c.trailer, signature) {
		return fault.ChunkSignatureMismatch.Detail("the signature of the trailer does not match")
	}
	return io.EOF
}

// readTrailer reads lines to the end of the body. Lines may end in LF alone, and an empty line may precede the
// signature: minio-go sends both. The empty line at the end may be missing after a signature, as it proves the end.
func (c *chunked) readTrailer() (signature string, err error) {
	blank := 0
	for {
		line, err := c.r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0 && (blank > 0 || signature != ""):
			return signature, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return "", fault.ChunkMalformed.Detail("a trailer is longer than %d bytes", maxLine)
		case err != nil:
			return "", cut(err)
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) == 0 {
			if blank++; blank > maxBlankLines {
				return "", fault.ChunkMalformed.Detail("there is something after the last chunk")
			}
			continue
		}
		name, value, _ := strings.Cut(string(line), ":")
		value = strings.TrimSpace(value)
		signed := c.signer != nil && c.signer.trailer
		switch {
		case strings.Contains(value, "\r"):
			return "", fault.ChunkMalformed.Detail("a trailer does not end with CRLF")
		case signed && len(c.trailer) == len(c.announced) && len(c.announced) > 0 && name != trailerSignatureName && signature == "":
			return "", fault.ChunkMalformed.Detail("there is no signature after the trailers")
		case signed && name == trailerSignatureName && len(value) != hex.EncodedLen(sha256.Size):
			return "", fault.ChunkMalformed.Detail("the signature of the trailer does not have 64 digits")
		case signature != "":
			return "", fault.ChunkMalformed.Detail("there is something after the signature of the trailer")
		case name == trailerSignatureName && signed:
			signature, blank = value, 0
		case blank > 0:
			return "", fault.ChunkMalformed.Detail("there is something after the last chunk")
		default:
			if err := c.addTrailer(name, value); err != nil {
				return "", err
			}
		}
	}
}

func (c *chunked) addTrailer(name, value string) error {
	name = strings.ToLower(name)
	if !slices.Contains(c.announced, name) {
		return fault.TrailerMalformed.Detail("there is a trailer that x-amz-trailer does not announce")
	}
	if value == "" || c.trailer.Get(name) != "" {
		return fault.TrailerMalformed.Detail("the trailer %s is empty or occurs twice", name)
	}
	c.trailer.Set(name, value)
	return nil
}

// parseHex reads 1 to 16 digits that fit an int64, without sign, prefix or separators.
func parseHex(digits []byte) (n int64, ok bool) {
	if len(digits) == 0 || len(digits) > 16 {
		return 0, false
	}
	for _, c := range digits {
		i := strings.IndexByte("0123456789abcdef", c|0x20)
		if i < 0 || c < '0' {
			return 0, false
		}
		n = n<<4 | int64(i)
	}
	return n, n >= 0 && (len(digits) < 16 || digits[0] < '8')
}

// chunkSigner computes the chain of chunk signatures: each covers its predecessor, and the first one the signature of
// the request, so that chunks can be neither reordered nor taken from another request.
type chunkSigner struct {
	seed
	hash    hash.Hash // of the current chunk
	trailer bool      // there is a signature of the trailer
}

func newChunkSigner(s seed, trailer bool) *chunkSigner {
	return &chunkSigner{seed: s, hash: sha256.New(), trailer: trailer}
}

func (s *chunkSigner) verifyChunk(signature []byte) bool {
	if subtle.ConstantTimeCompare(s.chunkSignature(), signature) != 1 {
		return false
	}
	s.signature = string(signature)
	s.hash.Reset()
	return true
}

// chunkSignature is that of what has been written to hash, following the signature before it.
func (s *chunkSigner) chunkSignature() []byte {
	b := s.begin("AWS4-HMAC-SHA256-PAYLOAD")
	b = append(b, EmptySHA256...)
	b = append(b, '\n')
	var sum [sha256.Size]byte
	return hexMAC(s.key[:], hex.AppendEncode(b, s.hash.Sum(sum[:0])))
}

func (s *chunkSigner) verifyTrailer(trailer http.Header, signature string) bool {
	return subtle.ConstantTimeCompare(s.trailerSignature(trailer), []byte(signature)) == 1
}

// trailerSignature is that of the trailers as `name:value LF`, sorted by name.
func (s *chunkSigner) trailerSignature(trailer http.Header) []byte {
	lines := make([]string, 0, len(trailer))
	for name, values := range trailer {
		lines = append(lines, strings.ToLower(name)+":"+values[0]+"\n")
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hexMAC(s.key[:], hex.AppendEncode(s.begin("AWS4-HMAC-SHA256-TRAILER"), sum[:]))
}

// begin is what both strings to sign have in common: algorithm, time, scope and the signature before.
func (s *chunkSigner) begin(algorithm string) []byte {
	b := make([]byte, 0, 384)
	b = append(b, algorithm...)
	b = append(b, '\n')
	b = s.time.AppendFormat(b, basicTime)
	b = append(b, '\n')
	b = s.scope.append(b)
	b = append(b, '\n')
	b = append(b, s.signature...)
	return append(b, '\n')
}
