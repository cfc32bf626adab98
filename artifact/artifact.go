// Package artifact is the OCI identity of bytes: the one manifest that follows from content digest and size alone.
//
// Its text is frozen. Signatures made by anybody over its digest must stay valid, so any change to it would be
// a new artifact type; golden vectors in testdata hold it.
package artifact

import (
	"strconv"

	"github.com/zot-artifact-store/zas/digest"
)

// Constants of the manifest.
const (
	// Type is the artifact type of a content manifest.
	Type = "application/vnd.zas.content.v1"
	// MediaType is the media type of the manifest itself.
	MediaType = "application/vnd.oci.image.manifest.v1+json"
	// EmptyDigest and EmptyContent are the empty config blob, which exists in every repository without being stored.
	EmptyDigest  digest.Digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	EmptyContent               = "{}"
	// EmptyMediaType is the media type of the empty config blob.
	EmptyMediaType = "application/vnd.oci.empty.v1+json"
)

const (
	head = `{"schemaVersion":2,"mediaType":"` + MediaType + `","artifactType":"` + Type +
		`","config":{"mediaType":"` + EmptyMediaType + `","digest":"` + string(EmptyDigest) +
		`","size":2,"data":"e30="},"layers":[{"mediaType":"application/octet-stream","digest":"`
	middle = `","size":`
	tail   = `,"annotations":{"org.opencontainers.image.title":"content"}}]}`
)

// Manifest is the manifest of the content with this SHA-256 digest and size in bytes.
func Manifest(d digest.Digest, size int64) []byte {
	b := make([]byte, 0, len(head)+len(d)+len(middle)+20+len(tail))
	b = append(b, head...)
	b = append(b, d...)
	b = append(b, middle...)
	b = strconv.AppendInt(b, size, 10)
	return append(b, tail...)
}

// Digest is the digest of Manifest(d, size): what the artifact is called.
func Digest(d digest.Digest, size int64) digest.Digest { return digest.Of(Manifest(d, size)) }
