package s3

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/object"
)

const multipleChecksums = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."

const checksumPrefix = "X-Amz-Checksum-"

// checksumHeader is the header of each algorithm, by its number, in net/http's canonical form.
var checksumHeader = func() (names [object.XXHASH128 + 1]string) {
	for _, a := range object.Algorithms() {
		names[a] = http.CanonicalHeaderKey(checksumPrefix + a.String())
	}
	return names
}()

// headerAlgorithm is the algorithm of a checksum header; 0 for another header.
func headerAlgorithm(name string) object.Algorithm {
	rest, ok := strings.CutPrefix(name, checksumPrefix)
	if !ok {
		return 0
	}
	a, _ := object.ParseAlgorithm(rest)
	return a
}

// integrity is what the headers state of the body (S3 User Guide, "Checking object integrity"). trailer is the name of the trailer that
// will bring the checksum; empty when none will.
func (rq *request) integrity() (in object.Integrity, trailer string, err error) {
	if in.MD5, err = rq.contentMD5(); err != nil {
		return in, "", err
	}
	if in.Algorithm, in.Sum, err = rq.checksum(); err != nil {
		return in, "", err
	}
	if trailer = strings.TrimSpace(rq.header.Get("X-Amz-Trailer")); trailer != "" {
		late := headerAlgorithm(http.CanonicalHeaderKey(trailer))
		switch {
		case late == 0:
			return in, "", fault.BadRequest.Detail("The value specified in the x-amz-trailer header is not supported")
		case in.Algorithm != 0:
			return in, "", fault.BadRequest.Detail(multipleChecksums)
		}
		in.Algorithm = late
	}
	if named := rq.header.Get("X-Amz-Sdk-Checksum-Algorithm"); named != "" {
		switch a, ok := object.ParseAlgorithm(named); {
		case !ok:
			return in, "", unsupportedAlgorithm()
		case in.Algorithm == 0 && in.MD5 == nil:
			return in, "", fault.BadRequest.Detail("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		case in.Algorithm != 0 && in.Algorithm != a:
			return in, "", fault.BadRequest.Detail("Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
	}
	return in, trailer, nil
}

func unsupportedAlgorithm() error {
	return fault.BadRequest.Detail("Checksum algorithm provided is unsupported. Please try again with any of the valid types: " +
		"[CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]")
}

// contentMD5 is nil when there is none.
func (rq *request) contentMD5() ([]byte, error) {
	values, ok := rq.header["Content-Md5"]
	if !ok {
		return nil, nil
	}
	sum, err := base64.StdEncoding.DecodeString(values[0])
	if err != nil || len(sum) != 16 || len(values) > 1 {
		return nil, fault.Tell(fault.ContentMD5Invalid, fault.Fact{Name: "Content-MD5", Value: values[0]})
	}
	return sum, nil
}

// checksum is the one x-amz-checksum-… header, or nothing.
func (rq *request) checksum() (a object.Algorithm, sum []byte, err error) {
	var text string
	for name, values := range rq.header {
		if !strings.HasPrefix(name, checksumPrefix) {
			continue
		}
		switch name {
		case "X-Amz-Checksum-Algorithm", "X-Amz-Checksum-Mode", "X-Amz-Checksum-Type":
			continue
		}
		one := headerAlgorithm(name)
		switch {
		case one == 0:
			return 0, nil, fault.BadRequest.Detail("The algorithm type you specified in x-amz-checksum- header is invalid.")
		case a != 0 || len(values) > 1:
			return 0, nil, fault.BadRequest.Detail(multipleChecksums)
		}
		a, text = one, values[0]
	}
	if a != 0 {
		sum, err = object.ParseSum(a, text)
	}
	return a, sum, err
}

// trailing reads the checksum that came behind the body.
func (c *call) trailing(a object.Algorithm, name string) func() ([]byte, error) {
	return func() ([]byte, error) {
		values := c.body.Trailer()[http.CanonicalHeaderKey(name)]
		if len(values) != 1 {
			return nil, fault.TrailerMalformed.Detail("the trailer %s, which was announced, is missing", name)
		}
		sum, err := object.ParseSum(a, values[0])
		if err != nil {
			return nil, fault.BadRequest.Detail("Value for %s trailing header is invalid.", strings.ToLower(name))
		}
		return sum, nil
	}
}

// verified is in, completed by what only the call has: the trailer.
func (c *call) verified(in object.Integrity, trailer string) object.Integrity {
	if trailer != "" {
		in.Trailer = c.trailing(in.Algorithm, trailer)
	}
	return in
}

// checksumType reads x-amz-checksum-type; nil when it is not there.
func (rq *request) checksumType() (*object.ChecksumType, error) {
	switch value := rq.header.Get("X-Amz-Checksum-Type"); strings.ToUpper(value) {
	case "":
		return nil, nil
	case "FULL_OBJECT":
		t := object.FullObject
		return &t, nil
	case "COMPOSITE":
		t := object.Composite
		return &t, nil
	default:
		return nil, fault.BadRequest.Detail("Value for x-amz-checksum-type header is invalid.")
	}
}

// compositeSum reads `base64-N`, or the plain sum of a full object.
func compositeSum(a object.Algorithm, value string) (object.Checksum, error) {
	sum, parts, composite := strings.Cut(value, "-")
	c := object.Checksum{Algorithm: a}
	var err error
	if composite {
		c.Type = object.Composite
		if c.Parts, err = strconv.Atoi(parts); err != nil || c.Parts < 1 {
			return c, fault.BadRequest.Detail("Value for x-amz-checksum-%s header is invalid.", strings.ToLower(a.String()))
		}
	}
	c.Sum, err = object.ParseSum(a, sum)
	return c, err
}

// setChecksum tells a checksum in the answer's headers.
func setChecksum(h http.Header, c object.Checksum) {
	if c.Algorithm != 0 {
		h[checksumHeader[c.Algorithm]] = []string{c.String()}
		h["X-Amz-Checksum-Type"] = []string{c.Type.String()}
	}
}

// checksum writes the element of a checksum.
func (d *document) checksum(c object.Checksum) {
	if c.Algorithm != 0 && c.Sum != nil {
		d.text("Checksum"+c.Algorithm.String(), c.String())
	}
}

// checksumNames writes what listings say of a checksum.
func (d *document) checksumNames(c object.Checksum) {
	if c.Algorithm != 0 {
		d.text("ChecksumAlgorithm", c.Algorithm.String())
		d.text("ChecksumType", c.Type.String())
	}
}
